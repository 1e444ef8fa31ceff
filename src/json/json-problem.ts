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

/** An object or list, and where it is: paths are put together only when something is wrong. */
interface Frame {
  readonly value: object;
  readonly depth: number;
  readonly parent: Frame | undefined;
  /** Its name in the parent, or its index. */
  readonly name: string | number;
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
  const visit = (value: unknown, name: string | number, parent?: Frame): JsonProblem | undefined => {
    if (++nodes > MAX_JSON_NODES) return TOO_WIDE;
    if (typeof value === 'string')
      return value.isWellFormed() ? undefined : { problem: 'ill_formed_text', path: pathOf(name, parent) };
    if (Number.isNaN(value)) return { problem: 'inexact_number', path: pathOf(name, parent) };
    if (typeof value !== 'object' || value === null) return undefined;
    const depth = parent === undefined ? 1 : parent.depth + 1;
    if (depth > MAX_JSON_DEPTH) return { problem: 'too_deep', limit: MAX_JSON_DEPTH };
    stack.push({ value, depth, parent, name });
    return undefined;
  };
  let problem = visit(root, '');
  for (let frame = stack.pop(); frame !== undefined && problem === undefined; frame = stack.pop()) {
    const { value } = frame;
    if (Array.isArray(value)) {
      // Check the length before the items: a million would take seconds.
      if (nodes + value.length > MAX_JSON_NODES) return TOO_WIDE;
      for (let i = 0; i < value.length && problem === undefined; i++) problem = visit(value[i], i, frame);
      continue;
    }
    for (const name of Object.keys(value)) {
      if (!name.isWellFormed())
        problem = { problem: 'ill_formed_text', path: pathOf(frame.name, frame.parent) };
      else problem = visit(Reflect.get(value, name), name, frame);
      if (problem !== undefined) break;
    }
  }
  return problem;
}

const MAX_PATH_CHARS = 120;

function pathOf(name: string | number, parent: Frame | undefined): string {
  if (parent === undefined) return String(name);
  const before = pathOf(parent.name, parent.parent);
  if (before.length > MAX_PATH_CHARS) return before;
  if (typeof name === 'number') return `${before}[${name}]`;
  return before === '' ? name : `${before}.${name}`;
}
