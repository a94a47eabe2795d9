// Addresses of NATS servers: what users write and what the client gets.
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { BusError } from "../../../src/base/errors.ts";
import { printableAddress, serverOptions } from "../../../src/bus/nats_address.ts";

describe("serverOptions()", () => {
  const cases: [url: string, options: ReturnType<typeof serverOptions>][] = [
    ["nats://host:4222", { servers: ["host:4222"] }],
    ["host", { servers: ["host"] }],
    ["127.0.0.1:5000", { servers: ["127.0.0.1:5000"] }],
    ["nats://t%20k@host:1", { servers: ["host:1"], token: "t k" }],
    ["nats://ann:pass@host:1", { servers: ["host:1"], user: "ann", pass: "pass" }],
    ["tls://host:1", { servers: ["host:1"], tls: {} }],
    ["nats://t@one:1, nats://t@two:2", { servers: ["one:1", "two:2"], token: "t" }],
    ["nats://[::1]:4222", { servers: ["[::1]:4222"] }],
  ];
  for (const [url, options] of cases) {
    it(`takes "${url}" apart`, () => assert.deepEqual(serverOptions({ url }), options));
  }

  it("prefers the given token to the one in the address", () => {
    assert.deepEqual(serverOptions({ url: "nats://a@host:1", token: "b" }), {
      servers: ["host:1"],
      token: "b",
    });
  });

  it("throws BusError for other schemes and empty addresses, without showing credentials", () => {
    for (const url of ["http://secret@host", "", "nats://"]) {
      assert.throws(() => serverOptions({ url }), (error) => {
        assert.ok(error instanceof BusError);
        assert.ok(!error.message.includes("secret"));
        return true;
      });
    }
  });
});

describe("printableAddress()", () => {
  it("drops tokens and passwords", () => {
    const shown = printableAddress("nats://ann:pass@one:1,nats://token@two:2,three:3");
    assert.equal(shown, "nats://one:1,nats://two:2,three:3");
  });
});
