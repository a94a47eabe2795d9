// Pulls one message at a time from a JetStream consumer; nothing is fetched ahead, because a worker's time to
// acknowledge runs for fetched messages too.
import type { Consumer, JsMsg } from "nats/jetstream";
import type { NatsLink } from "./nats_link.ts";

const PULL_MS = 5000;

/** The next message, or undefined when none came in time, the signal aborted or the connection was renewed. */
export async function pullMessage(
  consumer: Consumer,
  link: NatsLink,
  signal: AbortSignal,
): Promise<JsMsg | undefined> {
  if (signal.aborted) return undefined;
  const { renewed } = link;
  const messages = await consumer.fetch({ max_messages: 1, expires: PULL_MS });
  const stop = () => void messages.close();
  // A server that restarted has forgotten the waiting pull, so it is asked anew instead of waiting for a time-out.
  const ends = AbortSignal.any([signal, link.ended, renewed]);
  ends.addEventListener("abort", stop);
  try {
    if (ends.aborted) stop();
    for await (const message of messages) return message;
    return undefined;
  } finally {
    ends.removeEventListener("abort", stop);
  }
}
