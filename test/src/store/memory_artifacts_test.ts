// The memory artifact store keeps the contract.
import { memoryArtifacts } from "../../../src/store/memory_artifacts.ts";
import { artifactStoreContract } from "./artifact_store_contract.ts";

artifactStoreContract("memory", (body) => body(memoryArtifacts()));
