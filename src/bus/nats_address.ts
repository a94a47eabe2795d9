// Addresses of NATS servers as users write them: several, with credentials inside, with TLS.
// The client takes none of that from a URL, so it is taken apart here.
import type { ConnectionOptions } from "nats";
import { BusError } from "../base/errors.ts";

export interface NatsAddress {
  /** `nats://host:port`, several with commas; `tls://` for TLS; may hold `token@` or `user:password@`. */
  url: string;
  /** @default the one in the URL, if any */
  token?: string;
}

/** The client's options for this address. */
export function serverOptions(
  options: NatsAddress,
): Pick<ConnectionOptions, "servers" | "token" | "user" | "pass" | "tls"> {
  const urls = options.url.split(",").map((text) => parseServerUrl(text.trim()));
  const [first] = urls;
  const { username = "", password = "" } = first ?? {};
  const user = decodeURIComponent(username), pass = decodeURIComponent(password);
  const credentials = options.token !== undefined
    ? { token: options.token }
    : user === ""
    ? {}
    : pass === ""
    ? { token: user }
    : { user, pass };
  const tls = urls.some((url) => url.protocol === "tls:") ? { tls: {} } : {};
  return { servers: urls.map((url) => url.host), ...credentials, ...tls };
}

function parseServerUrl(text: string): URL {
  const url = URL.parse(text.includes("://") ? text : `nats://${text}`);
  if (url === null || url.hostname === "" || !["nats:", "tls:"].includes(url.protocol)) {
    throw new BusError(
      `Write the address as nats://host:port or tls://host:port: "${printableAddress(text)}" is neither`,
    );
  }
  return url;
}

/** The address without credentials, for messages. */
export function printableAddress(url: string): string {
  return url.replaceAll(/[^/,@\s]*@/g, "");
}
