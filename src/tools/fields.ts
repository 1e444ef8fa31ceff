import * as z from 'zod';
import { isJsonText } from '../json/json-text.ts';

/** Fields of arguments and answers that several tools share, so that a name means the same in every tool. */

/** A text of `min` to `max` characters, counted as Unicode code points. */
export function text(min: number, max: number) {
  return z
    .string()
    .refine((value) => fits(value, min, max), { error: `must be ${min} to ${max} characters` })
    .meta({ minLength: min, maxLength: max });
}

/** Whether a text has `min` to `max` code points. It stops early, because a caller can send megabytes. */
function fits(value: string, min: number, max: number): boolean {
  if (value.length > max * 2) return false;
  let count = 0;
  for (const _ of value) count++;
  return count >= min && count <= max;
}

const CONTROL = /\p{Cc}/u;

/**
 * A character can be written as up to four, of two units each. What is longer does not fit, and is not normalised: for a
 * text of many marks that takes time by the square of its length.
 */
const COMPOSED_FROM = 8;

/** A name of 1 to `max` characters: normalised to Unicode NFC, without control characters. */
function name(max: number) {
  return z
    .string()
    .overwrite((value) => (value.length > max * COMPOSED_FROM ? value : value.normalize('NFC')))
    .refine((value) => fits(value, 1, max), { error: `must be 1 to ${max} characters` })
    .refine((value) => !CONTROL.test(value), { error: 'must not contain control characters' })
    .meta({ minLength: 1, maxLength: max });
}

/**
 * Any JSON value, as clients can be told of it: an input without a type is sent as JSON text by some, and refused by others.
 *
 * Lists are accepted but are not among the types. Gemini refuses every tool of a request in which one schema is a list
 * without `items`, which is what its agent kit makes of a list among several types; `docs/decisions/any-json.md` has the rest.
 */
export const anyJson = () => z.unknown().meta({ type: ['object', 'string', 'number', 'boolean'] });

/** In an answer: the value that was stored is a text that holds JSON, which is perhaps not what the caller meant. */
export const storedAs = () =>
  z.literal('text').optional().describe('The value is text that holds JSON; send JSON itself to store that.');

/** What an answer says of a value that was stored. */
export const storedAsOf = (value: unknown) => (isJsonText(value) ? ('text' as const) : undefined);

/** A path of non-empty parts separated by `/`, 1 to 256 characters. */
export function keyPath() {
  return name(256).refine(
    (value) => !value.startsWith('/') && !value.endsWith('/') && !value.includes('//'),
    {
      error: 'must not begin or end with / or contain //',
    },
  );
}

export const runId = () => name(128).default('default');
/** A name, as `shortName`, that may be left out. */
export const optionalName = (max = 128) => name(max).optional();
/** A name of 1 to `max` characters, without control characters. */
export const shortName = (max = 128) => name(max);
/** At most 16 tags of 1 to 64 characters. */
export const tags = () => z.array(name(64)).max(16).optional();
/** How many entries a page of a list has: 1 to `max`. */
export const limit = (fallback: number, max: number) => z.int().min(1).max(max).default(fallback);
/** The position of a page in a list, as the page before it returned it. */
export const cursor = () => z.string().min(1).max(512).optional().describe('next_cursor.');
/** With this argument a tool runs once for each key and its arguments; repeats within 24 hours get the first answer. */
export const idempotencyKey = () => name(128).optional();
/** Seconds to live: from one second to one year. */
export const ttlSeconds = () => z.int().min(1).max(31_536_000);

/** In an entry of an answer that would be too large: its value is left out, and what may be large beside it. */
export const leftOut = () =>
  z.literal(true).optional().describe('The value is left out, as the answer would be too large.');

/** How to get what an answer has left out. It is said only then. */
export const howToGetTheRest = () => z.string().optional();

/** For tools with `storedFields`: the fields that the pipeline has left out of the answer, and the scope that shows them. */
export const withheld = () =>
  z
    .strictObject({ fields: z.array(z.string()), scope: z.string() })
    .optional()
    .describe('Fields left out because the token lacks this scope.');

/** How long a call may wait when it has nothing to return yet, in seconds. */
export const waitSeconds = () => z.int().min(0).max(25).default(0);

/** An answer's size in bytes, count or age: a non-negative integer. */
export const count = () => z.int().min(0);
