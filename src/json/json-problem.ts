/** Maximum nesting of objects and arrays. */
export const MAX_JSON_DEPTH = 64;
/** Maximum number of values, counting nested ones. */
export const MAX_JSON_NODES = 100_000;

/** `path` names the value as `a.b[0]`, cut after about 120 characters. */
export type JsonProblem =
  | { problem: 'too_deep'; limit: number }
  | { problem: 'too_wide'; limit: number }
  | { problem: 'ill_formed_text'; path: string }
  | { problem: 'inexact_number'; path: string };

interface Frame {
  readonly value: object;
  readonly depth: number;
  readonly path: string;
}

const TOO_WIDE: JsonProblem = { problem: 'too_wide', limit: MAX_JSON_NODES };

/**
 * Checks a parsed JSON value from outside: nesting of at most 64, at most 100,000 values, and only well-formed UTF-16 (no
 * unpaired surrogates) in strings and member names, and no number that was marked as inexact. It does not recurse, so no input can exhaust the stack.
 * @returns the first problem found, or undefined
 * @example findJsonProblem(JSON.parse(body))
 */
export function findJsonProblem(root: unknown): JsonProblem | undefined {
  const stack: Frame[] = [];
  let nodes = 0;
  const visit = (value: unknown, depth: number, path: string): JsonProblem | undefined => {
    if (++nodes > MAX_JSON_NODES) return TOO_WIDE;
    if (typeof value === 'string')
      return value.isWellFormed() ? undefined : { problem: 'ill_formed_text', path };
    if (Number.isNaN(value)) return { problem: 'inexact_number', path };
    if (typeof value !== 'object' || value === null) return undefined;
    if (depth > MAX_JSON_DEPTH) return { problem: 'too_deep', limit: MAX_JSON_DEPTH };
    stack.push({ value, depth, path });
    return undefined;
  };
  let problem = visit(root, 1, '');
  for (let frame = stack.pop(); frame !== undefined && problem === undefined; frame = stack.pop()) {
    const isList = Array.isArray(frame.value);
    // Check the length before listing the members: listing a million would take seconds and most of the memory.
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
