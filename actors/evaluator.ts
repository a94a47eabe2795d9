// Evaluator: measures policy and reward on held-out prompts; the only actor that may read gold measures and labelled pairs.
// Takes: EvaluatePolicy. Returns: PolicyEvaluated, which no other step reads.
// Stops when it is told to, when the bus ends, or when the bus breaks (then the process is started again).
import { computeActor, wrongCommand } from "./compute_actor.ts";

export const evaluator = computeActor({
  role: "evaluator",
  takes: ["EvaluatePolicy"],
  async work(command, ports) {
    if (command.type !== "EvaluatePolicy") throw wrongCommand("evaluator", command);
    const { evaluatePolicy } = await import("../src/irl/evaluate_policy.ts");
    return await evaluatePolicy(command, ports);
  },
});
