// Memory of this process as a measurement for the log: the peak where the system tells it (Linux), and now.

export function peakMemory(): { residentMegabytes: number; peakMegabytes?: number } {
  const residentMegabytes = Math.round(Deno.memoryUsage().rss / 1e6);
  const peak = peakKilobytes();
  return peak === undefined
    ? { residentMegabytes }
    : { residentMegabytes, peakMegabytes: Math.round(peak * 1.024 / 1000) };
}

function peakKilobytes(): number | undefined {
  try {
    const match = /^VmHWM:\s*(\d+) kB$/m.exec(Deno.readTextFileSync("/proc/self/status"));
    return match === null ? undefined : Number(match[1]);
  } catch {
    return undefined;
  }
}
