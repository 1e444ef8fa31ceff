/** Computes what one entry of a write does to its cell, before anything is written. */
import { parseJsonText } from '../../json/json-text.ts';
import { utf8Bytes } from '../../json/utf8.ts';
import { invalidInput, ToolError } from '../errors.ts';
import { numberOf } from '../forgive.ts';
import { type Cell, unlessExpired } from './cell.ts';
import { mergePatch } from './merge-patch.ts';
import { type EncodedValue, encodeValue, isSafeNumber, requireExact, requireFit, sameJson } from './value.ts';

export const MODES = ['set', 'merge', 'append', 'increment'] as const;
export type Mode = (typeof MODES)[number];

/** One entry of a write. */
export interface CellWrite {
  /** The argument that holds the value, for errors: `value` or `entries[3].value`. */
  readonly field: string;
  readonly key: string;
  readonly mode: Mode;
  readonly value: unknown;
  readonly author: string;
  readonly ifRev: number | undefined;
  /** `keep`: the expiry of the cell does not change, whatever the mode. */
  readonly ttlSeconds: number | 'keep' | undefined;
  readonly tags: readonly string[] | undefined;
}

/** The content of a cell after a write. */
export interface PlannedCell extends EncodedValue {
  readonly tags: string;
  readonly expiresAt: number | null;
}

export type WritePlan =
  | { readonly status: 'conflict' }
  | { readonly status: 'unchanged'; readonly current: Cell }
  | { readonly status: 'created' | 'updated'; readonly next: PlannedCell };

/**
 * @param stored the row of the cell, expired or not; its value may be only a start
 * @param wholeValue loads the value of a cell; called only where the value matters, so that replacing a large one is cheap
 * @throws ToolError `invalid_input` if the mode does not fit the current value, `too_large` if the result does not fit a cell
 */
export function planWrite(
  write: CellWrite,
  stored: Cell | undefined,
  now: number,
  wholeValue: (cell: Cell) => string,
): WritePlan {
  const current = unlessExpired(stored, now);
  if (write.ifRev !== undefined && write.ifRev !== (current?.rev ?? 0)) return { status: 'conflict' };
  if (current === undefined) requireNewKey(write);
  const { json, bytes, isSame } = nextValue(write, current, wholeValue);
  const next: PlannedCell = {
    json,
    bytes,
    tags:
      write.tags === undefined ? (current?.tags ?? '[]') : JSON.stringify([...new Set(write.tags)].sort()),
    expiresAt: nextExpiry(write, current, now),
  };
  if (current === undefined) return { status: 'created', next };
  const isUnchanged = isSame && current.expires_at === next.expiresAt && current.tags === next.tags;
  return isUnchanged ? { status: 'unchanged', current } : { status: 'updated', next };
}

const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/;

/**
 * A client that normalises the URI of a resource (RFC 3986, section 5.2.4) would read another cell. Cells that older
 * releases stored under such a key keep it.
 */
function requireNewKey({ key, field }: CellWrite): void {
  if (!DOT_SEGMENT.test(key)) return;
  const keyField = field.replace(/value$/, 'key');
  throw invalidInput(
    keyField,
    `${keyField} must not have a part that is . or .., because some clients would read another cell by its URI. Use other names.`,
  );
}

/** `isSame`: the cell has this value already, but for the order of object members. */
type NextValue = EncodedValue & { readonly isSame: boolean };

function nextValue(
  write: CellWrite,
  current: Cell | undefined,
  wholeValue: (cell: Cell) => string,
): NextValue {
  const { mode, value, field } = write;
  if (mode === 'set') {
    const next = encodeValue(value, field);
    const isSame =
      current !== undefined && current.bytes === next.bytes && sameJson(wholeValue(current), next.json);
    return { ...next, isSame };
  }
  const before = current && { json: wholeValue(current), bytes: current.bytes };
  switch (mode) {
    case 'merge':
      return merged(write, before);
    case 'append':
      return { ...appended(write, before ?? EMPTY_LIST), isSame: false };
    case 'increment': {
      const sum = incremented(before?.json ?? '0', value, field);
      const next = encodeValue(sum, field);
      return { ...next, isSame: next.json === before?.json };
    }
  }
}

/** Numbers of the stored value are exact, so only those of the patch are checked. */
function merged({ value: given, field }: CellWrite, before: EncodedValue | undefined): NextValue {
  const patch = patchOf(given, field);
  requireExact(patch, JSON.stringify(patch), field);
  const target = before === undefined ? '{}' : targetOf(before.json, field);
  const json = mergePatch(target, patch);
  if (before !== undefined && json === target) return { ...before, isSame: true };
  return { ...requireFit({ json, bytes: utf8Bytes(json) }, field), isSame: false };
}

/** The longest JSON text of a text that is parsed to see what it holds: that of a large object takes a tenth of a second. */
const MAX_PARSED_TEXT = 32_768;

/** A cell that was written by such a client holds its object as text, which a patch must not replace. */
function targetOf(json: string, field: string): string {
  if (!json.startsWith('"')) return json;
  if (json.length > MAX_PARSED_TEXT) throw tooLongToMerge(field);
  const inner = parseJsonText(JSON.parse(json));
  return inner === undefined ? json : JSON.stringify(inner);
}

function tooLongToMerge(field: string): ToolError {
  const message = `The cell holds text of more than ${MAX_PARSED_TEXT} characters, into which ${field} is not merged. Set the object itself with mode set.`;
  return new ToolError('too_large', message, { field, limit: MAX_PARSED_TEXT, max: MAX_PARSED_TEXT });
}

/** Clients that do not know the type of `value` send an object as text. Anything but an object would replace the cell. */
function patchOf(value: unknown, field: string): object {
  const patch = typeof value === 'string' ? parseJsonText(value) : value;
  if (typeof patch === 'object' && patch !== null && !Array.isArray(patch)) return patch;
  const message = `${field} must be a JSON object in mode merge. Use mode set to replace the value.`;
  throw invalidInput(field, message, { expected: 'object', received: jsonType(value) });
}

/** Adds the item to the JSON text, which `JSON.stringify` has made: parsing a long list would take most of the time. */
function appended({ value, field }: CellWrite, list: EncodedValue): EncodedValue {
  if (!list.json.startsWith('[')) throw wrongMode(field, 'append', 'a list', list.json);
  const item = encodeValue(value, field);
  const separator = list.json === EMPTY_LIST.json ? '' : ',';
  const json = `${list.json.slice(0, -1)}${separator}${item.json}]`;
  return requireFit({ json, bytes: list.bytes + separator.length + item.bytes }, field);
}

const EMPTY_LIST: EncodedValue = { json: '[]', bytes: 2 };

/** @param json the JSON text of the cell's value */
function incremented(json: string, given: unknown, field: string): number {
  const by = typeof given === 'string' ? numberOf(given) : given;
  if (typeof by !== 'number' || !Number.isFinite(by))
    throw invalidInput(field, `${field} must be a finite number in mode increment.`, {
      expected: 'number',
      received: jsonType(by),
    });
  const number: unknown = json.length > MAX_NUMBER_CHARS ? undefined : JSON.parse(json);
  if (typeof number !== 'number') throw wrongMode(field, 'increment', 'a number', json);
  const sum = number + by;
  if (isSafeNumber(sum)) return sum;
  throw invalidInput(
    field,
    `The sum would exceed ±${Number.MAX_SAFE_INTEGER}, beyond which integers are not exact. Use a smaller step or mode set.`,
    { expected: 'number', max: Number.MAX_SAFE_INTEGER },
  );
}

/** The cell does not hold what the mode changes. Mode `set` fits every cell. */
function wrongMode(field: string, mode: Mode, needed: string, json: string): ToolError {
  const hint = json.length <= MAX_PARSED_TEXT && heldAsText(json, mode) ? asTextHint(needed) : undefined;
  return invalidInput(
    field.replace(/value$/, 'mode'),
    `Mode ${mode} needs ${needed}, but the cell holds ${hint === undefined ? 'something else' : `${needed} as text`}. ` +
      (hint ?? 'Use mode set to replace the value.'),
    { allowed: ['set'], received: mode, current: typeOfJson(json), ...(hint !== undefined && { hint }) },
  );
}

/** Whether a text holds, as JSON, what the mode would change. */
function heldAsText(json: string, mode: Mode): boolean {
  const held: unknown = JSON.parse(json);
  if (typeof held !== 'string') return false;
  return mode === 'append' ? Array.isArray(parseJsonText(held)) : typeof numberOf(held.trim()) === 'number';
}

const asTextHint = (needed: string) =>
  `Set ${needed} itself with mode set, not its text, then repeat the call.`;

/** No number takes more in JSON text. */
const MAX_NUMBER_CHARS = 32;

/** The type of a JSON text that `JSON.stringify` has made. Only its first character is looked at. */
function typeOfJson(json: string): string {
  switch (json[0]) {
    case '"':
      return 'string';
    case '[':
      return 'array';
    case '{':
      return 'object';
    default:
      return jsonType(JSON.parse(json));
  }
}

/** The type of a value in the words of JSON Schema. */
function jsonType(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function nextExpiry({ ttlSeconds, mode }: CellWrite, current: Cell | undefined, now: number): number | null {
  if (typeof ttlSeconds === 'number') return now + ttlSeconds * 1000;
  return mode === 'set' && ttlSeconds !== 'keep' ? null : (current?.expires_at ?? null);
}
