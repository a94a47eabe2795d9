// The four compute actors by role. Their work is loaded only where it runs, so this imports no tensor library.
import type { Role } from "../events/mod.ts";
import type { ComputeActor } from "./compute_actor.ts";
import { evaluator } from "./evaluator.ts";
import { generator } from "./generator.ts";
import { policyOptimizer } from "./policy_optimizer.ts";
import { rewardLearner } from "./reward_learner.ts";

export const COMPUTE_ACTORS: Readonly<Record<Role, ComputeActor>> = {
  "generator": generator,
  "reward-learner": rewardLearner,
  "policy-optimizer": policyOptimizer,
  "evaluator": evaluator,
};
