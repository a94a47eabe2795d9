// Equations: each `Eq. (n)` that src/ cites occurs in a test's name, and each that a test's name cites occurs in src/.
import type { SourceFile } from "./source_files.ts";

const CITATION = /Eqs?\. \((\d+[ab]?)\)/g;

export interface EquationIndex {
  /** Equation → files of src/ that cite it. */
  code: Map<string, string[]>;
  /** Equation → test files whose names cite it. */
  tests: Map<string, string[]>;
}

export function equationIndex(files: readonly SourceFile[]): EquationIndex {
  const index: EquationIndex = { code: new Map(), tests: new Map() };
  const add = (map: Map<string, string[]>, equation: string, path: string) => {
    const known = map.get(equation) ?? [];
    if (!known.includes(path)) map.set(equation, [...known, path]);
  };
  for (const { path, text } of files) {
    if (path.startsWith("src/math/")) {
      for (const [, equation] of text.matchAll(CITATION)) add(index.code, equation, path);
    }
    // The checkers' own tests name equations that do not exist.
    if (path.startsWith("test/") && !path.startsWith("test/scripts/checks/")) {
      for (const [, , name] of text.matchAll(/\b(it|test|describe)\(\s*["`]([^"`]*)["`]/g)) {
        for (const [, equation] of name.matchAll(CITATION)) add(index.tests, equation, path);
      }
    }
  }
  return index;
}

export function equationViolations(files: readonly SourceFile[]): string[] {
  const { code, tests } = equationIndex(files);
  return [
    ...[...code].filter(([equation]) => !tests.has(equation))
      .map(([equation, paths]) => `Eq. (${equation}) is cited by ${paths[0]} but by no test's name`),
    ...[...tests].filter(([equation]) => !code.has(equation))
      .map(([equation, paths]) =>
        `Eq. (${equation}) is in a test's name in ${paths[0]} but in no file of src/math`
      ),
  ];
}
