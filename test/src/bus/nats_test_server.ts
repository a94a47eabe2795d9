// A nats-server program for tests: $NATS_SERVER, PATH or the user's cache; never fetched by a test.
// Also a wire to it that can be cut, because closing a client is politer than a death.
import { findNatsServer } from "../../../scripts/fetch/nats_server.ts";
import { cacheFolder } from "../../../scripts/user_environment.ts";

/** The program, or the reason why tests that need it are skipped. */
export async function testNatsServer(): Promise<{ path: string } | { skip: string }> {
  const environment = Deno.env.toObject();
  const found = await findNatsServer(environment, cacheFolder(environment));
  if (found !== undefined) return { path: found.path };
  const skip =
    "no nats-server 2.10 or newer in $NATS_SERVER, on PATH or in the cache (deno task setup fetches one)";
  console.log(`NATS tests skipped: ${skip}`);
  return { skip };
}

export interface Wire {
  url: string;
  /** Breaks all connections and takes no new ones. */
  cut(): void;
}

/** A loopback address that leads to the server's. */
export function wireTo(server: { url: string }): Wire {
  const port = Number(new URL(server.url).port);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const close = (connection: Deno.Conn) => {
    if (!open.delete(connection)) return;
    connection.close();
  };
  const serve = async (near: Deno.Conn) => {
    open.add(near);
    const far = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => undefined);
    if (far === undefined) return close(near);
    open.add(far);
    await Promise.allSettled([copy(near, far), copy(far, near)].map((copying) =>
      copying.finally(() => {
        close(near);
        close(far);
      })
    ));
  };
  let isOpen = true;
  (async () => {
    for await (const connection of listener) void serve(connection);
  })().catch(() => {});
  return {
    url: `nats://127.0.0.1:${listener.addr.port}`,
    cut: () => {
      if (!isOpen) return;
      isOpen = false;
      listener.close();
      for (const connection of [...open]) close(connection);
    },
  };
}

async function copy(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  for (let read = await from.read(buffer); read !== null; read = await from.read(buffer)) {
    for (let at = 0; at < read;) at += await to.write(buffer.subarray(at, read));
  }
}
