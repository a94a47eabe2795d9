// TL;DR prompts that are too long, cut as OpenAI's summarisation code and the TL;DR recipe do: the post loses its last line,
// again and again, and its last character where there is only one line.
import { ConfigError } from "../base/errors.ts";

const BEFORE_POST = "\n\nPOST: ", BEHIND_POST = "\n\nTL;DR:";

/**
 * The prompt `SUBREDDIT: …\n\nTITLE: …\n\nPOST: {post}\n\nTL;DR:` with as much of the post as `maxTokens` allow.
 * Throws ConfigError where the prompt has another form or does not fit without its post.
 */
export function shortenedPost(
  prompt: string,
  { maxTokens, numTokens }: { maxTokens: number; numTokens: (text: string) => number },
): string {
  if (numTokens(prompt) <= maxTokens) return prompt;
  const at = prompt.indexOf(BEFORE_POST), start = at + BEFORE_POST.length;
  if (at < 0 || !prompt.endsWith(BEHIND_POST) || prompt.length - BEHIND_POST.length < start) {
    throw new ConfigError(
      `Write prompts as "SUBREDDIT: r/…\\n\\nTITLE: …\\n\\nPOST: …\\n\\nTL;DR:", or set task.longPrompts to another value: ` +
        `a prompt of more than ${maxTokens} tokens begins with ${JSON.stringify(prompt.slice(0, 60))}`,
    );
  }
  const head = prompt.slice(0, start);
  let post = prompt.slice(start, -BEHIND_POST.length);
  while (post !== "") {
    const line = post.lastIndexOf("\n");
    post = post.slice(0, line < 0 ? lastCharacter(post) : line);
    const shorter = head + post + BEHIND_POST;
    if (numTokens(shorter) <= maxTokens) return shorter;
  }
  throw new ConfigError(
    `Raise task.maxPromptTokens: a prompt has more than ${maxTokens} tokens without its post, ${
      JSON.stringify(prompt.slice(0, 60))
    } …`,
  );
}

/** Where the last character starts: a pair of surrogates is one. */
function lastCharacter(text: string): number {
  const last = text.length - 1;
  return /[\uDC00-\uDFFF]/.test(text[last]) && last > 0 ? last - 1 : last;
}
