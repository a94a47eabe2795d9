// RewardLearner: fits the reward on pairs of a demonstration and a generation (Eq. 11), one chunk of training steps a command.
// Takes: LearnReward. Returns: RewardLearned, with the saved state, and with the last chunk the raw and the normalised reward.
// Stops when it is told to, when the bus ends, or when the bus breaks (then the process is started again).
import { computeActor, wrongCommand } from "./compute_actor.ts";

export const rewardLearner = computeActor({
  role: "reward-learner",
  takes: ["LearnReward"],
  async work(command, ports) {
    if (command.type !== "LearnReward") throw wrongCommand("reward-learner", command);
    const { learnReward } = await import("../src/irl/learn_reward.ts");
    return await learnReward(command, ports);
  },
});
