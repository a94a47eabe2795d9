// `@std/testing/bdd` over node:test, which upstream now recommends; no JSR needed at install time.
export { after as afterAll, afterEach, before as beforeAll, beforeEach, describe, it, test } from "node:test";
