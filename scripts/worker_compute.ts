// A process's own side of its compute Worker: opens it, hands it commands, and knows when it is gone.
import type { ComputePort } from "../actors/compute_actor.ts";
import type { ResultMeta } from "../events/mod.ts";
import type { Progress } from "../src/base/ports.ts";
import type { TierDescription } from "../src/compute/tier.ts";
import type { FromWorker, ToWorker, WorkerSettings } from "./worker_protocol.ts";

/** Somewhere to compute, with the tier that it turned out to have. */
export interface OpenCompute {
  readonly tier: TierDescription;
  readonly compute: ComputePort;
  /** Rejects when it breaks by itself; never resolves. */
  readonly broken: Promise<never>;
  /** Ends at once, whatever it does. */
  close(): void;
}

interface Job {
  onProgress(progress: Progress): void;
  resolve(outcome: { data: unknown; meta: ResultMeta }): void;
  reject(error: Error): void;
}

/** Opens a Worker and its tier; throws what kept the tier from opening. */
export async function openWorkerCompute(settings: WorkerSettings): Promise<OpenCompute> {
  const worker = new Worker(new URL("./compute_worker.ts", import.meta.url), { type: "module" });
  const jobs = new Map<number, Job>();
  const opening = Promise.withResolvers<TierDescription>(), breaking = Promise.withResolvers<never>();
  // Both may fail with nobody waiting any more.
  breaking.promise.catch(() => {});
  worker.onmessage = (event: MessageEvent<FromWorker>) => receive(event.data, { jobs, opening });
  const end = (error: Error) => {
    worker.terminate();
    opening.reject(error);
    for (const job of jobs.values()) job.reject(error);
    jobs.clear();
  };
  worker.onerror = (event) => {
    event.preventDefault();
    const error = new Error(`The compute Worker broke: ${event.message}`);
    end(error);
    breaking.reject(error);
  };
  const send = (message: ToWorker) => worker.postMessage(message);
  const close = () => end(new Error("The compute Worker was ended"));
  send({ open: settings });
  let number = 0;
  try {
    const tier = await opening.promise;
    return {
      tier,
      broken: breaking.promise,
      close,
      compute: {
        run(command, onProgress) {
          const { promise, resolve, reject } = Promise.withResolvers<{ data: unknown; meta: ResultMeta }>();
          jobs.set(++number, { onProgress, resolve, reject });
          send({ run: command, number });
          return promise;
        },
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

function receive(
  message: FromWorker,
  { jobs, opening }: { jobs: Map<number, Job>; opening: PromiseWithResolvers<TierDescription> },
): void {
  if ("opened" in message) return opening.resolve(message.opened);
  const job = message.number === undefined ? undefined : jobs.get(message.number);
  if ("progress" in message) return job?.onProgress(message.progress);
  if (message.number !== undefined) jobs.delete(message.number);
  if ("error" in message) {
    const { name, message: text } = message.error;
    const error = Object.assign(new Error(text), { name });
    return job === undefined ? opening.reject(error) : job.reject(error);
  }
  job?.resolve({ data: message.data, meta: message.meta });
}
