// PolicyOptimizer: supervised tuning (Eq. 1) before the loop, and in it the policy step of Eq. (5b), one chunk a command.
// Takes: TuneSupervised, OptimisePolicy. Returns: SupervisedTuned, PolicyOptimised, with the saved state and at last the policy.
// Stops when it is told to, when the bus ends, or when the bus breaks (then the process is started again).
import { computeActor, wrongCommand } from "./compute_actor.ts";

export const policyOptimizer = computeActor({
  role: "policy-optimizer",
  takes: ["TuneSupervised", "OptimisePolicy"],
  async work(command, ports) {
    switch (command.type) {
      case "TuneSupervised": {
        const { tuneSupervised } = await import("../src/irl/tune_supervised.ts");
        return await tuneSupervised(command, ports);
      }
      case "OptimisePolicy": {
        const { optimisePolicy } = await import("../src/irl/optimise_policy.ts");
        return await optimisePolicy(command, ports);
      }
      default:
        throw wrongCommand("policy-optimizer", command);
    }
  },
});
