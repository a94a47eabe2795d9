// What a checker of attribute lists finds in a text: the Evaluator's gold measure, and nobody else's.

export interface SlotErrors {
  /** Attributes of the prompt that the text does not state, as `slot[value]`. */
  missing: string[];
  /** Attributes that the text states and the prompt does not support, as `slot[value]`. */
  added: string[];
  /** Number of attributes in the prompt. */
  numSlots: number;
}

/** Number of errors: a wrong value counts as one missing and one added. */
export function numSlotErrors(errors: SlotErrors): number {
  return errors.missing.length + errors.added.length;
}
