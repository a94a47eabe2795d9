// A side for tests of the benchmark's protocol: says what is no protocol first, answers, fails on request, and ends on request.
const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(text));
say("a library greets\n");
let rest = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    const { type, variant, spec } = JSON.parse(line);
    if (type === "prepare") {
      const checks = { kind: spec.kind.length };
      // In two pieces, as a pipe may deliver it.
      const answer = JSON.stringify({ type: "ready", engine: "fake", variants: ["a"], checks });
      say(answer.slice(0, 9));
      await new Promise((resolve) => setTimeout(resolve, 5));
      say(`${answer.slice(9)}\n`);
    } else if (variant === "fails") {
      say(`${JSON.stringify({ type: "failed", message: "no such variant" })}\n`);
    } else if (variant === "ends") {
      console.error("out of memory");
      Deno.exit(3);
    } else {
      say(
        `${
          JSON.stringify({
            type: "ran",
            seconds: 0.5,
            counts: { threads: Number(Deno.env.get("OMP_NUM_THREADS")) },
          })
        }\n`,
      );
    }
  }
}
