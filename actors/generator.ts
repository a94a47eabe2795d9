// Generator: samples continuations y′ of the current policy for the demonstrated prompts, one shard a command.
// Takes: SampleGenerations. Returns: GenerationsSampled, with the artifact of the shard's generations.
// Stops when it is told to, when the bus ends, or when the bus breaks (then the process is started again).
import { computeActor, wrongCommand } from "./compute_actor.ts";

export const generator = computeActor({
  role: "generator",
  takes: ["SampleGenerations"],
  async work(command, ports) {
    if (command.type !== "SampleGenerations") throw wrongCommand("generator", command);
    const { sampleGenerations } = await import("../src/irl/sample_generations.ts");
    return await sampleGenerations(command, ports);
  },
});
