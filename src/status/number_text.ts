// Numbers as people read them in tables: rates without a leading zero, counts with k and M, seconds as minutes.

/** A rate in [−1, 1]: `.352`, `-.120`, `1.00`. */
export function rateText(rate: number): string {
  const text = rate.toFixed(3);
  return Math.abs(Number(text)) >= 1 ? rate.toFixed(2) : text.replace("0.", ".").replace(/^-(\.0+)$/, "$1");
}

/** With its sign: `+0.41`, `-0.07`. */
export function signedText(value: number): string {
  const text = value.toFixed(2);
  return Number(text) === 0 ? "0.00" : value > 0 ? `+${text}` : text;
}

/** `950`, `12.3k`, `1.24M`. */
export function countText(count: number): string {
  if (count < 1000) return String(Math.round(count));
  if (count < 999_500) return `${(count / 1e3).toFixed(count < 99_950 ? 1 : 0)}k`;
  return `${(count / 1e6).toFixed(2)}M`;
}

/** `48 s`, `3 min 20 s`, `1 h 05 min`. */
export function durationText(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60), hours = Math.floor(minutes / 60);
  if (hours === 0) return `${minutes} min ${whole % 60} s`;
  return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
}
