// Prompts that are attribute lists, `slot[value], slot[value]`: read, written and recognised in one place.

/** The attributes of such a prompt in their order; a text without attributes gives an empty map. */
export function parseSlotPrompt(prompt: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const [, slot, value] of prompt.matchAll(/([^\[\],]+)\[([^\[\]]*)\]/g)) {
    attributes.set(slot.trim(), value.trim());
  }
  return attributes;
}

/** The prompt of a list of attributes. */
export function formatSlotPrompt(attributes: Iterable<readonly [slot: string, value: string]>): string {
  return Array.from(attributes, ([slot, value]) => `${slot}[${value}]`).join(", ");
}

const NAME = "[\\p{L}_][\\p{L}\\p{N}\\p{M}_]*";
const ATTRIBUTE = `${NAME}(?: ${NAME})?\\[[^\\[\\]\\n]*\\]`;
const SLOT_PROMPT = new RegExp(`^${ATTRIBUTE}(?:, ${ATTRIBUTE})*$`, "u");

/** Whether a prompt is an attribute list and nothing else; a slot's name has one or two words. */
export function isSlotPrompt(prompt: string): boolean {
  return SLOT_PROMPT.test(prompt);
}
