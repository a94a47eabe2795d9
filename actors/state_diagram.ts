// The mermaid diagram of a statechart, read from the machine itself, for README and the status page.
// Left out: history states (an arrow to one is drawn to the state that holds it) and events of the whole machine.
import type { AnyStateMachine, AnyStateNode } from "xstate";

/** `present`: name of the state to mark. */
export function stateDiagram(machine: AnyStateMachine, options: { present?: string } = {}): string {
  const lines = ["stateDiagram-v2", ...insideOf(machine.root, "  ")];
  if (options.present !== undefined) {
    lines.push("  classDef present font-weight:bold,stroke-width:3px", `  class ${options.present} present`);
  }
  return lines.join("\n") + "\n";
}

interface Arrow {
  from: string;
  to: string;
  label: string;
}

function insideOf(node: AnyStateNode, indent: string): string[] {
  const children = Object.values(node.states).filter(({ type }) => type !== "history");
  const composites = children.filter(({ type }) => type === "compound").flatMap((child) => [
    `${indent}state ${child.key} {`,
    ...insideOf(child, `${indent}  `),
    `${indent}}`,
  ]);
  const starts = node.initial.target.map(({ key }) => `${indent}[*] --> ${key}`);
  const arrows = children.flatMap((child) => [...arrowsOf(child, node), ...arrowsOutOf(child, node)]);
  const ends = children.filter((child) => child.type === "final" || leaves(child, node)).map(({ key }) =>
    `${indent}${key} --> [*]`
  );
  return [
    ...starts,
    ...composites,
    ...merged(arrows).map(({ from, to, label }) => `${indent}${from} --> ${to}: ${label}`),
    ...ends,
  ];
}

/** Arrows of a state to its siblings and itself. */
function arrowsOf(child: AnyStateNode, parent: AnyStateNode): Arrow[] {
  return targetsOf(child).filter(({ target }) => target.parent === parent).map(({ target, label }) => ({
    from: child.key,
    to: target.key,
    label,
  }));
}

/** Arrows that leave a composite from inside, drawn from its border: mermaid cannot cross it. */
function arrowsOutOf(composite: AnyStateNode, parent: AnyStateNode): Arrow[] {
  return Object.values(composite.states).flatMap(targetsOf).filter(({ target }) => target.parent === parent)
    .map(({ target, label }) => ({ from: composite.key, to: target.key, label }));
}

function leaves(child: AnyStateNode, parent: AnyStateNode): boolean {
  return targetsOf(child).some(({ target }) => target.parent !== parent);
}

function targetsOf(node: AnyStateNode): { target: AnyStateNode; label: string }[] {
  return [...node.transitions.values()].flat().flatMap(({ eventType, target, description }) => {
    const label = labelOf(eventType, description);
    return (target ?? [node]).map((to) => ({ target: withoutHistory(to), label }));
  });
}

/** Events that XState makes itself have unreadable names: their description stands alone. */
function labelOf(eventType: string, description: string | undefined): string {
  if (description === undefined) return eventType;
  return eventType.startsWith("xstate.") ? description : `${eventType} (${description})`;
}

function withoutHistory(node: AnyStateNode): AnyStateNode {
  return node.type === "history" && node.parent !== undefined ? node.parent : node;
}

/** One arrow a pair of states, with all its events. */
function merged(arrows: Arrow[]): Arrow[] {
  const byEnds = Map.groupBy(arrows, ({ from, to }) => `${from} ${to}`);
  return [...byEnds.values()].map((same) => ({
    ...same[0],
    label: same.map(({ label }) => label).join(", "),
  }));
}
