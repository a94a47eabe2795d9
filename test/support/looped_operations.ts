// Operations of compiled programs, run one by one: what they compute can then be tested on the tier "cpu".
import type { TracedOperations } from "../../src/compute/tier.ts";

export const loopedOperations: Pick<TracedOperations, "loop"> = {
  loop(condition, body, initial) {
    let state = [...initial];
    while (condition(...state).dataSync()[0]) state = body(...state);
    return state;
  },
};
