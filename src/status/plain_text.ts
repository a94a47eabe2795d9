// Foreign text (samples, error messages) made safe for one line of a terminal.

/** Control characters and line breaks become spaces, so that a text cannot steer the terminal. */
export function plainLine(text: string): string {
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").trim();
}
