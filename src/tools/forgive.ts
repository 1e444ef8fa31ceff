import type * as z from 'zod';
import { findInexactNumber } from '../json/inexact-number.ts';
import { parseJsonText } from '../json/json-text.ts';
import { envelopeArguments } from './envelope-arguments.ts';

/**
 * Reads what clients and models really send as what it can only mean, in fields that have a type: `null` for what is left
 * out, exact text of a number, boolean, list or object, a number for a text, another case of an enum's value. Whatever
 * could mean two things is left as it is, and then refused by the schema.
 *
 * A field that takes any JSON is taken as it was sent. Only a `null` beside another member of its group (`insteadOf` in
 * its metadata) is absent, because clients with strict schemas send it for what was left out; a value that is stored is
 * never replaced by such a null.
 */

type Members = Record<string, unknown>;
type Shape = Readonly<Record<string, z.ZodType>>;

/** The parts of a Zod schema's definition that are read here. */
interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly shape?: Shape;
  readonly entries?: Readonly<Record<string, string | number>>;
}

const definitionOf = (schema: z.ZodType) => schema.def as Definition;

/** @returns the arguments as the schema can be asked about them; they themselves when nothing had to be changed */
export function forgive(schema: z.ZodObject, args: unknown): unknown {
  if (args === null || args === undefined) return {};
  const given = typeof args === 'string' ? (parseJsonText(args) ?? args) : args;
  if (!isMembers(given)) return given;
  const dropped = envelopeArguments(schema, given);
  return forgiveObject(schema.shape, dropped.length === 0 ? given : without(given, dropped));
}

const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function without(members: Members, names: readonly string[]): Members {
  return Object.fromEntries(Object.entries(members).filter(([name]) => !names.includes(name)));
}

function forgiveObject(shape: Shape, members: Members): Members {
  let forgiven: Members | undefined;
  for (const name of Object.keys(members)) {
    const schema = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (schema === undefined) continue;
    const value = members[name];
    const read = isLeftOut(schema, value, members, shape) ? undefined : forgiveValue(schema, value);
    if (read === value) continue;
    forgiven ??= { ...members };
    if (read === undefined) delete forgiven[name];
    else forgiven[name] = read;
  }
  return forgiven ?? members;
}

function isLeftOut(schema: z.ZodType, value: unknown, members: Members, shape: Shape): boolean {
  if (value !== null) return false;
  if (!takesAnyJson(schema)) return schema.safeParse(undefined).success;
  return insteadOf(schema).some((name) => isGiven(shape[name], members[name]));
}

const takesAnyJson = (schema: z.ZodType) =>
  definitionOf(unwrap(schema)).type === 'unknown' && !isObjectOnly(schema);

/** Neither left out, nor what a client with a strict schema sends for that. */
function isGiven(schema: z.ZodType | undefined, value: unknown): boolean {
  const read = schema === undefined ? value : forgiveValue(schema, value);
  return read !== undefined && read !== null && read !== false;
}

/** The fields that are given instead of this one, or that say what happens without it, from its metadata. */
function insteadOf(schema: z.ZodType): readonly string[] {
  const names: unknown = schema.meta()?.insteadOf;
  return Array.isArray(names) ? names.map(String) : [];
}

/** The schema inside `.optional()`, `.default(…)` and the like. */
function unwrap(schema: z.ZodType): z.ZodType {
  let at = schema;
  for (let inner = definitionOf(at).innerType; inner !== undefined; inner = definitionOf(at).innerType)
    at = inner;
  return at;
}

function forgiveValue(schema: z.ZodType, value: unknown): unknown {
  const { type, element, shape, entries } = definitionOf(unwrap(schema));
  switch (type) {
    case 'string':
      return typeof value === 'number' ? decimalText(value) : value;
    case 'number':
      return typeof value === 'string' ? numberOf(value) : value;
    case 'boolean':
      return typeof value === 'string' ? booleanOf(value) : value;
    case 'enum':
      return typeof value === 'string' ? enumValue(Object.values(entries ?? {}), value) : value;
    case 'array': {
      const list = typeof value === 'string' ? parsedAs(value, Array.isArray) : value;
      return Array.isArray(list) && element !== undefined ? forgiveList(element, list) : list;
    }
    case 'object': {
      const object = typeof value === 'string' ? parsedAs(value, isMembers) : value;
      return isMembers(object) && shape !== undefined ? forgiveObject(shape, object) : object;
    }
    case 'unknown':
      // A field that takes an object and nothing else, such as the parameters of a model call.
      return isObjectOnly(schema) && typeof value === 'string' ? parsedAs(value, isMembers) : value;
    default:
      return value;
  }
}

const isObjectOnly = (schema: z.ZodType) => unwrap(schema).meta()?.type === 'object';

function forgiveList(element: z.ZodType, list: readonly unknown[]): readonly unknown[] {
  // Items of any JSON, such as messages, are taken as sent: a text and the object that it holds are two questions.
  if (definitionOf(unwrap(element)).type === 'unknown') return list;
  const read = list.map((item) => forgiveValue(element, item));
  return read.some((item, index) => item !== list[index]) ? read : list;
}

function parsedAs(text: string, isExpected: (value: unknown) => boolean): unknown {
  const parsed = parseJsonText(text);
  return isExpected(parsed) ? parsed : text;
}

const NUMBER = /^-?(?:0|[1-9]\d{0,20})(?:\.\d{1,20})?(?:[eE][+-]?\d{1,3})?$/;

/** The number that a text is exactly, or the text. */
export const numberOf = (text: string): number | string =>
  NUMBER.test(text) && findInexactNumber(text) === undefined ? Number(text) : text;

/** `429` in a field for text. A number that is written with an exponent has no obvious text. */
const decimalText = (value: number) => (/^-?\d+(?:\.\d+)?$/.test(String(value)) ? String(value) : value);

function booleanOf(text: string): boolean | string {
  const lower = text.length <= 5 ? text.toLowerCase() : '';
  return lower === 'true' || lower === 'false' ? lower === 'true' : text;
}

function enumValue(values: readonly (string | number)[], text: string): string | number {
  const lower = text.toLowerCase();
  return values.includes(text)
    ? text
    : (values.find((value) => String(value).toLowerCase() === lower) ?? text);
}
