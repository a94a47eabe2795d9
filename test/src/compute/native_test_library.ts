// Where tests find libtensorflow: TF_LIB_DIR or the user's cache. Nothing is fetched.
import { join } from "node:path";
import { findTensorflow } from "../../../scripts/fetch/tensorflow.ts";

/** Its folder, or why tests that need it are skipped. Makes it keep its log lines to itself. */
export function nativeTestLibrary(): { directory: string } | { missing: string } {
  Deno.env.set("TF_CPP_MIN_LOG_LEVEL", "2");
  const environment = Deno.env.toObject();
  const caches = environment.XDG_CACHE_HOME ?? join(environment.HOME ?? "", ".cache");
  return findTensorflow(environment, join(caches, "demo-to-reward")) ??
    { missing: "no libtensorflow in TF_LIB_DIR or the cache" };
}
