import type * as z from 'zod';
import { findJsonProblem } from '../json/json-problem.ts';
import { clip } from '../telemetry/redact.ts';
import { invalidInput, ToolError } from './errors.ts';
import { forgive } from './forgive.ts';
import type { Tool } from './tool.ts';

const MAX_NAME_SHOWN = 64;

/**
 * Validates the arguments of a call against the tool's schema, after reading what clients send as what it means.
 * @returns the arguments with their defaults
 * @throws ToolError `invalid_input` or `too_large` that names the argument as the caller wrote it and says what to do
 */
export function parseArguments<Input extends z.ZodObject>(
  tool: Pick<Tool<Input>, 'name' | 'input'>,
  args: unknown,
): z.output<Input> {
  requireAcceptableJson(args);
  const parsed = tool.input.safeParse(forgive(tool.input, args));
  if (parsed.success) return parsed.data;
  throw fromIssue(parsed.error.issues[0], tool.input);
}

function requireAcceptableJson(args: unknown): void {
  const found = findJsonProblem(args);
  if (found === undefined) return;
  if (found.problem === 'ill_formed_text') {
    const field = found.path === '' ? 'arguments' : found.path;
    throw invalidInput(
      field,
      `${field} contains text that is not well-formed Unicode (an unpaired surrogate). Send valid text.`,
    );
  }
  const { limit } = found;
  const message =
    found.problem === 'too_deep'
      ? `The arguments are nested deeper than ${limit} levels. Send a flatter value.`
      : `The arguments contain more than ${limit} values. Send fewer of them in a call.`;
  throw new ToolError('too_large', message, { limit });
}

function fromIssue(issue: z.core.$ZodIssue | undefined, schema: z.ZodObject): ToolError {
  if (issue === undefined)
    return invalidInput('arguments', 'The arguments do not match the input schema of this tool.');
  const field = pathText(issue.path);
  if (issue.code === 'unrecognized_keys') return unknownArgument(issue.keys[0] ?? '', issue.path, schema);
  if (issue.path.length === 0) return invalidInput('arguments', 'The arguments must be a JSON object.');
  if (
    issue.code === 'invalid_type' &&
    issue.input === undefined &&
    /received undefined/.test(issue.message)
  ) {
    return invalidInput(field, `${field} is required.`);
  }
  return invalidInput(field, `${field}: ${clip(issue.message, 300)}.`);
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`,
    '',
  );
}

function unknownArgument(name: string, path: readonly PropertyKey[], schema: z.ZodObject): ToolError {
  const shown = clip(name, MAX_NAME_SHOWN).toWellFormed();
  const known = path.length === 0 ? Object.keys(schema.shape) : namesAt(schema, path);
  const near = nearest(name, known);
  const remedy =
    near === undefined ? `The arguments here are: ${known.join(', ') || 'none'}.` : `Did you mean ${near}?`;
  return invalidInput(pathText([...path, shown]), `Unknown argument "${shown}". ${remedy}`);
}

/** The argument names of a nested object, or of the objects in a list, at `path` of the schema. */
function namesAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: unknown = schema;
  for (const part of path) {
    at = unwrap(at);
    at =
      typeof part === 'number'
        ? Reflect.get(Object(at), 'element')
        : Reflect.get(Object(Reflect.get(Object(at), 'shape')), part);
  }
  return Object.keys(Object(Reflect.get(Object(unwrap(at)), 'shape')));
}

/** The schema inside `.optional()`, `.default(…)` and the like. */
function unwrap(schema: unknown): unknown {
  let at = schema;
  for (let depth = 0; depth < 8; depth++) {
    const inner: unknown = Reflect.get(Object(Reflect.get(Object(at), 'def')), 'innerType');
    if (inner === undefined) return at;
    at = inner;
  }
  return at;
}

/** The candidate that is most similar to a misspelt `name`; undefined if none is similar enough. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const wanted = clip(name, MAX_NAME_SHOWN).toLowerCase();
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = candidate.startsWith(`${wanted}_`) ? 1 : editDistance(wanted, candidate.toLowerCase());
    if (best === undefined || distance < best.distance) best = { candidate, distance };
  }
  return best !== undefined && best.distance <= Math.max(2, Math.floor(wanted.length / 3))
    ? best.candidate
    : undefined;
}

/** How many insertions, deletions, replacements and swaps of neighbours make `b` of `a` (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        replaced,
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        swapped ? at(i - 2, j - 2) + 1 : Infinity,
      );
    }
  }
  return at(a.length, b.length);
}
