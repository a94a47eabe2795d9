// The memory log keeps the contract.
import type { LogRecord } from "../../../src/store/event_log.ts";
import { openMemoryLog } from "../../../src/store/memory_log.ts";
import { eventLogContract } from "./event_log_contract.ts";

eventLogContract("memory", (body) => {
  const kept: LogRecord[] = [];
  body({
    open(run = "r") {
      const opened = openMemoryLog(run, [...kept]);
      const { log } = opened;
      return {
        ...opened,
        log: {
          run: log.run,
          get sequence() {
            return log.sequence;
          },
          get head() {
            return log.head;
          },
          append(records, expectedSequence) {
            const appended = log.append(records, expectedSequence);
            kept.push(...appended);
            return appended;
          },
          close: () => log.close(),
        },
      };
    },
  });
  return Promise.resolve();
});
