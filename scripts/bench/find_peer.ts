// The Python of the peer: the one that is named, or `python3` on PATH, if it can import torch and transformers.

export type FoundPeer = { python: string; engine: string } | { missing: string };

const PROBE =
  "import torch, transformers; print('torch', torch.__version__ + ', transformers', transformers.__version__)";

export async function findPeer(python = "python3"): Promise<FoundPeer> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(python, { args: ["-c", PROBE], stdin: "null" })
      .output();
    if (success) return { python, engine: new TextDecoder().decode(stdout).trim() };
    const reason = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
    return { missing: `"${python}" cannot import torch and transformers (${reason})` };
  } catch (error) {
    return { missing: `"${python}" does not start (${error instanceof Error ? error.message : error})` };
  }
}
