/** Bounds on JSON that came from outside, checked without recursion so that no input can exhaust the stack. */

export const MAX_JSON_DEPTH = 64;
export const MAX_JSON_NODES = 100_000;

export type JsonProblem =
  | { problem: 'too_deep'; limit: number }
  | { problem: 'too_wide'; limit: number }
  | { problem: 'ill_formed_text'; path: string };

interface Frame {
  readonly value: object;
  readonly depth: number;
  readonly path: string;
}

const TOO_WIDE: JsonProblem = { problem: 'too_wide', limit: MAX_JSON_NODES };

/**
 * The first thing wrong with a parsed JSON value: nested deeper than 64, more than 100,000 values, or text that is
 * not well-formed UTF-16 (an unpaired surrogate), in a value or in a name.
 */
export function findJsonProblem(root: unknown): JsonProblem | undefined {
  const stack: Frame[] = [];
  let nodes = 0;
  const visit = (value: unknown, depth: number, path: string): JsonProblem | undefined => {
    if (++nodes > MAX_JSON_NODES) return TOO_WIDE;
    if (typeof value === 'string')
      return value.isWellFormed() ? undefined : { problem: 'ill_formed_text', path };
    if (typeof value !== 'object' || value === null) return undefined;
    if (depth > MAX_JSON_DEPTH) return { problem: 'too_deep', limit: MAX_JSON_DEPTH };
    stack.push({ value, depth, path });
    return undefined;
  };
  let problem = visit(root, 1, '');
  for (let frame = stack.pop(); frame !== undefined && problem === undefined; frame = stack.pop()) {
    const isList = Array.isArray(frame.value);
    // Counted before they are listed: a million members would cost seconds and most of the memory.
    if (Array.isArray(frame.value) && nodes + frame.value.length > MAX_JSON_NODES) return TOO_WIDE;
    for (const name of Object.keys(frame.value)) {
      const path = childPath(frame.path, isList ? `[${name}]` : name, isList);
      if (!isList && !name.isWellFormed()) problem = { problem: 'ill_formed_text', path: frame.path };
      else problem = visit(Reflect.get(frame.value, name), frame.depth + 1, path);
      if (problem !== undefined) break;
    }
  }
  return problem;
}

const MAX_PATH_CHARS = 120;

function childPath(parent: string, name: string, isIndex: boolean): string {
  if (parent.length > MAX_PATH_CHARS) return parent;
  return parent === '' || isIndex ? parent + name : `${parent}.${name}`;
}
