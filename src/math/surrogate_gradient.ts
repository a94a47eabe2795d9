// The gradient of the finite-sample objective. Paper: Eq. (10), Lemma 5.1. For problems small enough to enumerate.
import { closedFormPolicy } from "./closed_form_policy.ts";
import type { EnumeratedPrompt } from "./surrogate_objective.ts";

/**
 * Eq. (10): ∇L̂ = E_D[∇r(x,y;θ)] − E_{x∼μ, y∼π*}[∇r(x,y;θ)]: rewards of demonstrations rise, those of the policy's own
 * continuations fall. The KL of Eq. (6) has no gradient in θ, because π* is its maximum (envelope theorem).
 *
 * @returns the weight of ∇r(x, y) for each prompt and continuation, which for a reward that is a table is ∂L̂/∂r(x, y);
 * zero everywhere where the policy matches the demonstrations
 */
export function surrogateGradient(prompts: readonly EnumeratedPrompt[]): number[][] {
  return prompts.map(({ promptShare, demonstrationShares, referencePolicy, rewards }) => {
    const policy = closedFormPolicy(referencePolicy, rewards);
    return demonstrationShares.map((share, y) => share - promptShare * policy[y]);
  });
}
