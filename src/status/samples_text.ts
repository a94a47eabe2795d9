// Sample texts of SFT and of now, side by side for a terminal.
import type { SampleText } from "../../events/mod.ts";
import { plainLine } from "./plain_text.ts";

/** `width` columns of text; continuations are wrapped at words. */
export function samplesLines(
  samples: readonly SampleText[],
  options: { now: string; width?: number },
): string[] {
  const width = options.width ?? 120;
  const half = Math.floor((width - 7) / 2);
  return samples.flatMap(({ prompt, sft, policy }) => {
    const left = wrapped(sft, half), right = wrapped(policy, half);
    const height = Math.max(left.length, right.length);
    return [
      ...wrapped(prompt, width - 2).map((line) => `  ${line}`),
      `  ${"SFT".padEnd(half)} │ ${options.now}`,
      ...Array.from(
        { length: height },
        (_, i) => `  ${(left[i] ?? "").padEnd(half)} │ ${right[i] ?? ""}`.trimEnd(),
      ),
      "",
    ];
  });
}

/** At least one line; a word longer than a line is cut. */
function wrapped(text: string, width: number): string[] {
  const words = plainLine(text).split(" ").filter((word) => word !== "");
  const lines: string[] = [];
  let line = "";
  for (const word of words.flatMap((word) => pieces(word, width))) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

function pieces(word: string, width: number): string[] {
  const characters = Array.from(word);
  return Array.from(
    { length: Math.ceil(characters.length / width) },
    (_, i) => characters.slice(i * width, (i + 1) * width).join(""),
  );
}
