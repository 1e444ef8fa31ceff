import * as z from 'zod';
import { clip } from '../telemetry/redact.ts';
import { type Fault, invalidInput, type ToolError, type UnknownArgument } from './errors.ts';
import { jsonSchema } from './json-schema.ts';
import { suggestArgument } from './suggest.ts';

/**
 * What is wrong with the arguments of a call, all of it at once: as fields, by which a program makes the next call, and in
 * one sentence, which is all that most clients show a model. The words are ours: the validator's own reach nobody.
 */

/** Faults that one refusal names. */
const MAX_FAULTS = 5;
const MAX_NAME_SHOWN = 64;
const MAX_ALLOWED_SHOWN = 20;

type Schema = Readonly<Record<string, unknown>>;

type Problem =
  | { readonly kind: 'missing'; readonly field: string; readonly text: string }
  /** `known`: what there is instead, where no argument is clearly meant. */
  | {
      readonly kind: 'unknown';
      readonly unknown: UnknownArgument;
      readonly text: string;
      readonly known?: string;
    }
  | { readonly kind: 'value'; readonly fault: Fault; readonly text: string };

/**
 * @param issues of the validator, at least one
 * @param args as the validator saw them
 */
export function faultsError(
  issues: readonly z.core.$ZodIssue[],
  schema: z.ZodObject,
  args: unknown,
): ToolError {
  if (typeof args !== 'object' || args === null || Array.isArray(args))
    return invalidInput('arguments', 'The arguments must be a JSON object.', {
      expected: 'object',
      received: typeOf(args),
    });
  const found = firstOfEach(issues.flatMap(findingsIn));
  // A call can have thousands of faults, and each takes a while to describe.
  const named = found.slice(0, MAX_FAULTS).map((one) => problemOf(one, inputSchemaOf(schema), args));
  const missing = named.flatMap((one) => (one.kind === 'missing' ? [one.field] : []));
  const unknown = named.flatMap((one) => (one.kind === 'unknown' ? [one.unknown] : []));
  const faults = named.flatMap((one) => (one.kind === 'value' ? [one.fault] : []));
  const [first] = faults;
  return invalidInput(
    first?.field ?? missing[0] ?? unknown[0]?.name ?? 'arguments',
    sentence(named, found.length),
    {
      ...first,
      ...(missing.length > 0 && { missing }),
      ...(unknown.length > 0 && { unknown }),
      ...(faults.length > 1 && { faults }),
    },
  );
}

/** Where something is wrong: an argument of the call, or one that is not known at that place. */
interface Finding {
  readonly path: readonly PropertyKey[];
  readonly issue: z.core.$ZodIssue;
  /** The name of an unknown argument. */
  readonly unknown?: string;
}

function findingsIn(issue: z.core.$ZodIssue): Finding[] {
  const { path } = issue;
  if (issue.code !== 'unrecognized_keys') return [{ path, issue }];
  return issue.keys.map((unknown) => ({ path, issue, unknown }));
}

/** One finding for each argument: a value of the wrong form breaks several rules at once. */
function firstOfEach(findings: readonly Finding[]): Finding[] {
  const byName = new Map<string, Finding>();
  for (const finding of findings) {
    const { path, unknown } = finding;
    const name = pathText(unknown === undefined ? path : [...path, shownName(unknown)]);
    if (!byName.has(name)) byName.set(name, finding);
  }
  return [...byName.values()];
}

const shownName = (name: string) => clip(name, MAX_NAME_SHOWN).toWellFormed();

/**
 * All problems in a sentence, and in a second one, once, the arguments that there are.
 * @param problems those that are described
 * @param count how many there are
 */
function sentence(problems: readonly Problem[], count: number): string {
  const [only, ...others] = problems;
  const known = problems.flatMap((one) => (one.kind === 'unknown' ? (one.known ?? []) : []))[0];
  const list = known === undefined ? '' : ` The arguments here are: ${known}.`;
  if (only !== undefined && others.length === 0) return `${capitalised(only)}${list}`;
  const texts = problems.map(({ text }) => text.replace(/[.?]$/, ''));
  const more = count - texts.length;
  return `${[...texts, ...(more > 0 ? [`and ${more} more`] : [])].join('; ')}.${list}`;
}

/** The name of an argument is written as the caller wrote it, also at the beginning of a sentence. */
const capitalised = ({ kind, text }: Problem) => (kind === 'unknown' ? `U${text.slice(1)}` : text);

const inputSchemas = new WeakMap<z.ZodObject, Schema>();

/** The schema of a tool's arguments with its bounds, made when a call of the tool is first refused. */
function inputSchemaOf(schema: z.ZodObject): Schema {
  const known = inputSchemas.get(schema) ?? jsonSchema(schema, 'input');
  inputSchemas.set(schema, known);
  return known;
}

function problemOf({ issue, unknown }: Finding, schema: Schema, args: object): Problem {
  if (unknown !== undefined) return unknownProblem(unknown, issue.path, schema, args);
  const value = valueAt(args, issue.path);
  const field = pathText(issue.path);
  if (value === undefined) return { kind: 'missing', field, text: `${field} is required.` };
  const node = schemaAt(schema, issue.path);
  const fault: Fault = { field, ...boundsOf(node), ...statedBy(issue), received: typeOf(value) };
  // What a schema of ours says of itself begins with "must".
  const own = issue.message.startsWith('must ') ? clip(issue.message, 200) : `must be ${phraseOf(node)}`;
  return { kind: 'value', fault, text: `${field} ${own}.` };
}

function unknownProblem(name: string, path: readonly PropertyKey[], schema: Schema, args: object): Problem {
  const shown = shownName(name);
  const known = Object.keys(Object(schemaAt(schema, path).properties));
  const given = Object.keys(Object(valueAt(args, path)));
  const meant = suggestArgument(
    name,
    known.filter((one) => !given.includes(one)),
  );
  const unknown: UnknownArgument = {
    name: pathText([...path, shown]),
    ...(meant !== undefined && { did_you_mean: meant }),
  };
  return meant === undefined
    ? { kind: 'unknown', unknown, text: `unknown argument "${shown}".`, known: known.join(', ') || 'none' }
    : { kind: 'unknown', unknown, text: `unknown argument "${shown}". Did you mean ${meant}?` };
}

export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`,
    '',
  );
}

const memberOf = (value: unknown, name: PropertyKey): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown => path.reduce(memberOf, value);

/** The part of a schema that describes the value at a path; empty where there is none. */
function schemaAt(schema: Schema, path: readonly PropertyKey[]): Schema {
  const found = path.reduce<unknown>(
    (at, part) =>
      typeof part === 'number' ? memberOf(at, 'items') : memberOf(memberOf(at, 'properties'), part),
    schema,
  );
  return Object(found ?? {});
}

/** The type of a value in the words of JSON Schema. */
function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

const statedFault = z.looseObject({ expected: z.string(), min: z.number(), max: z.number() });

/** What a check of ours says in its issue, where the schema has nothing at that place. */
function statedBy(issue: z.core.$ZodIssue): Pick<Fault, 'expected' | 'min' | 'max'> {
  const stated = issue.code === 'custom' ? statedFault.safeParse(issue.params).data : undefined;
  return stated === undefined ? {} : { expected: stated.expected, min: stated.min, max: stated.max };
}

const numberIn = (schema: Schema, ...keywords: readonly string[]) =>
  keywords.map((keyword) => schema[keyword]).find((value) => typeof value === 'number');

function boundsOf(schema: Schema): Omit<Fault, 'field' | 'received'> {
  const { type } = schema;
  const min = numberIn(schema, 'minimum', 'minLength', 'minItems');
  const max = numberIn(schema, 'maximum', 'maxLength', 'maxItems');
  const allowed = Array.isArray(schema.enum) ? schema.enum.map(String) : undefined;
  return {
    ...(type !== undefined && { expected: Array.isArray(type) ? type.join(' or ') : String(type) }),
    ...(allowed !== undefined && { allowed }),
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
  };
}

function phraseOf(schema: Schema): string {
  const { allowed, min, max } = boundsOf(schema);
  if (allowed !== undefined) return `one of ${allowed.slice(0, MAX_ALLOWED_SHOWN).join(', ')}`;
  const range = min === undefined || max === undefined ? '' : `${min} to ${max}`;
  switch (schema.type) {
    case 'integer':
      return `an integer${range && ` from ${range}`}`;
    case 'number':
      return `a number${range && ` from ${range}`}`;
    case 'string':
      return `text${range && ` of ${range} characters`}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return `a list${range && ` of ${range} items`}`;
    case 'object':
      return 'a JSON object';
    default:
      return 'another value';
  }
}
