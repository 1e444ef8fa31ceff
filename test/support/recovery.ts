/**
 * A caller that recovers from a refusal by its fields alone: it reads no message, and knows of a tool only what it would
 * say in each argument.
 */

export interface Attempt {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

interface Fault {
  readonly field?: string;
  readonly expected?: string;
  readonly received?: string;
  readonly allowed?: readonly string[];
  readonly min?: number;
  readonly max?: number;
}

/** The fields of a refusal: `structuredContent.error` of a result, or `data` of a JSON-RPC error. */
export interface Refusal extends Fault {
  readonly missing?: readonly string[];
  readonly unknown?: readonly { readonly name: string; readonly did_you_mean?: string }[];
  readonly faults?: readonly Fault[];
  /** Of an unknown tool. */
  readonly did_you_mean?: readonly string[];
}

type Json = Record<string, unknown>;
type Path = readonly (string | number)[];

/** `entries[1].key` as its steps. */
const steps = (field: string): Path =>
  [...field.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, name]) =>
    index === undefined ? (name ?? '') : Number(index),
  );

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null;

/** The object or list that holds what a path names. */
function parentOf(root: Json, path: Path): Json | undefined {
  const parent = path.slice(0, -1).reduce<unknown>((at, step) => (isJson(at) ? at[step] : undefined), root);
  return isJson(parent) ? parent : undefined;
}

function put(root: Json, field: string, value: unknown): void {
  const path = steps(field);
  const parent = parentOf(root, path);
  if (parent !== undefined) parent[path.at(-1) ?? ''] = value;
}

function remove(root: Json, field: string): void {
  const path = steps(field);
  const parent = parentOf(root, path);
  const last = path.at(-1) ?? '';
  if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else if (parent !== undefined) delete parent[last];
}

const valueAt = (root: Json, field: string): unknown =>
  parentOf(root, steps(field))?.[steps(field).at(-1) ?? ''];

/** @param knows what the caller says in an argument of this name; undefined if it has nothing to say */
export function nextAttempt(
  { tool, args }: Attempt,
  refusal: Refusal,
  knows: (name: string) => unknown,
): Attempt | undefined {
  const [meant] = refusal.did_you_mean ?? [];
  if (meant !== undefined) return { tool: meant, args };
  const next = structuredClone(args) as Json;
  const say = (field: string) => knows(String(steps(field).at(-1)));
  for (const { name, did_you_mean } of refusal.unknown ?? []) {
    const value = valueAt(next, name);
    remove(next, name);
    if (did_you_mean !== undefined) put(next, name.replace(/[^.[\]]+$/, did_you_mean), value);
  }
  for (const field of refusal.missing ?? []) put(next, field, say(field));
  const isNamed = refusal.missing?.includes(refusal.field ?? '') === true || refusal.unknown !== undefined;
  const faults = refusal.faults ?? (refusal.expected === undefined && isNamed ? [] : [refusal]);
  // The last item of a list is removed first, so that the others keep their places.
  for (const fault of faults.toReversed()) mend(next, fault, say);
  return JSON.stringify(next) === JSON.stringify(args) ? undefined : { tool, args: next };
}

function mend(args: Json, fault: Fault, say: (field: string) => unknown): void {
  const { field, expected } = fault;
  if (field === undefined) return;
  if (expected === 'absent') {
    remove(args, field);
    return;
  }
  const value = valueAt(args, field);
  const fitting = fitted(value, fault);
  const mended = fitting === undefined || fitting === value ? say(field) : fitting;
  if (mended === undefined) remove(args, field);
  else put(args, field, mended);
}

function fitted(
  value: unknown,
  { expected, allowed, min = 0, max = Number.POSITIVE_INFINITY }: Fault,
): unknown {
  if (allowed !== undefined) return allowed[0];
  switch (expected) {
    case 'integer':
    case 'number':
      return typeof value === 'number' ? Math.round(Math.min(Math.max(value, min), max)) : undefined;
    case 'string':
      return typeof value === 'string' ? value.slice(0, max) : undefined;
    case 'array':
      return Array.isArray(value) && value.length > 0 ? value.slice(0, max) : undefined;
    default:
      return undefined;
  }
}
