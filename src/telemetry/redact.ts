import { createHash } from 'node:crypto';
import { redactSecrets } from './secrets.ts';

/**
 * The loggable form of everything that a caller sends or that an error mentions.
 *
 * Guarantees: the work per text is bounded, whatever its length; no credential that `redactSecrets` recognises is logged,
 * not even in part when a text is cut; an argument whose policy is not `plain` appears in no message or stack of an error.
 * It can fail in one way: an error that quotes only a part of an argument, or a changed form of it, shows that part.
 */

/** How an argument appears in a log line: its redacted text, a digest, its size, the keys of its items, or not at all. */
export type LogPolicy = 'plain' | 'hash' | 'length' | 'keys' | 'omit';
export type LogPolicies = Readonly<Record<string, LogPolicy>>;

/** Only this many characters of a text are examined before it is logged, so that a longer text costs no more time. */
export const MAX_INSPECTED_CHARS = 4096;
/** The last of these characters are examined but never shown, because a credential or an argument may continue after them. */
const LOOK_AHEAD_CHARS = 1024;
const MAX_LOGGED_CHARS = 128;
const MAX_LOGGED_ITEMS = 20;
const MAX_NAME_CHARS = 64;
const MAX_CAUSE_CHARS = 600;
const MAX_FRAME_CHARS = 200;
const MAX_STACK_LINES = 12;
const MAX_SCRUBBED_LEAVES = 1000;
const MIN_SCRUBBED_CHARS = 3;

/** The first `max` UTF-16 units of `text`, followed by `…` if it is longer. A surrogate pair that is cut becomes U+FFFD. */
export function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max).toWellFormed()}…`;
}

/**
 * The loggable form of a text: credentials redacted, at most `maxChars` UTF-16 units, followed by `…` if cut.
 * Only the first 4,096 characters are examined. Of a longer text at most the first 3,072 are shown, so that a credential
 * across the cut is recognised and never shown in part.
 * @example redactForLog(path, 256)
 */
export function redactForLog(text: string, maxChars: number): string {
  if (harmless.has(text)) return clip(text, maxChars);
  const redacted = redactRead(partOf(text), maxChars);
  if (redacted === text) remember(text);
  return redacted;
}

/** Texts without a credential, such as the name of a client, that is logged with every call: they are not examined again. */
const harmless = new Set<string>();
const MAX_REMEMBERED = 256;
const MAX_REMEMBERED_CHARS = 128;

function remember(text: string): void {
  if (text.length > MAX_REMEMBERED_CHARS) return;
  if (harmless.size >= MAX_REMEMBERED) harmless.clear();
  harmless.add(text);
}

/** The examined beginning of a text. `shown` is logged after redaction; `ahead` only helps to recognise what `shown` ends with. */
interface ReadPart {
  readonly shown: string;
  readonly ahead: string;
  readonly isCut: boolean;
}

function partOf(text: string): ReadPart {
  if (text.length <= MAX_INSPECTED_CHARS) return { shown: text, ahead: '', isCut: false };
  const end = MAX_INSPECTED_CHARS - LOOK_AHEAD_CHARS;
  return { shown: text.slice(0, end), ahead: text.slice(end, MAX_INSPECTED_CHARS), isCut: true };
}

function redactRead({ shown, ahead, isCut }: ReadPart, maxChars: number): string {
  const redacted = redactSecrets(shown).text;
  if (!isCut) return clip(redacted, maxChars);
  // Where the two results differ, a credential begins that is recognised only together with `ahead`.
  const same = commonPrefix(redacted, redactSecrets(shown + ahead).text, maxChars);
  return `${redacted.slice(0, same).toWellFormed()}…`;
}

function commonPrefix(a: string, b: string, max: number): number {
  let length = 0;
  while (length < max && length < a.length && a[length] === b[length]) length++;
  return length;
}

function plain(value: unknown): unknown {
  if (typeof value === 'string') return redactForLog(value, MAX_LOGGED_CHARS);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  if (Array.isArray(value)) return value.slice(0, MAX_LOGGED_ITEMS).map(plain);
  return { type: typeof value };
}

function length(value: unknown): unknown {
  if (typeof value === 'string') return { chars: value.length };
  if (Array.isArray(value)) return { items: value.length };
  return { type: value === null ? 'null' : typeof value };
}

/** A batch: how many items it has, and the `key` of the first of them. */
function keys(value: unknown): unknown {
  if (!Array.isArray(value)) return length(value);
  const named = value
    .slice(0, MAX_LOGGED_ITEMS)
    .map((item) => (typeof item === 'object' && item !== null ? Reflect.get(item, 'key') : undefined));
  return { items: value.length, keys: named.filter((key) => typeof key === 'string').map(plain) };
}

function apply(policy: LogPolicy, value: unknown): unknown {
  switch (policy) {
    case 'plain':
      return plain(value);
    case 'hash':
      return {
        sha256: createHash('sha256')
          .update(JSON.stringify(value) ?? '')
          .digest('hex')
          .slice(0, 16),
      };
    case 'length':
      return length(value);
    case 'keys':
      return keys(value);
    case 'omit':
      return undefined;
  }
}

/** The loggable form of a call's arguments. Fields without a policy are omitted. @example redactArgs({ key: 'a' }, { key: 'plain' }) */
export function redactArgs(args: unknown, policies: LogPolicies): Record<string, unknown> {
  const logged: Record<string, unknown> = {};
  if (typeof args !== 'object' || args === null) return logged;
  for (const [field, policy] of Object.entries(policies)) {
    const value: unknown = Object.hasOwn(args, field) ? Reflect.get(args, field) : undefined;
    if (value === undefined) continue;
    const shown = apply(policy, value);
    if (shown !== undefined) logged[field] = shown;
  }
  return logged;
}

/** Adds every text and number in `value` to `into`, so that none of it appears in the message of an error. */
function leaves(value: unknown, into: Set<string>): void {
  const stack = [value];
  while (stack.length > 0 && into.size < MAX_SCRUBBED_LEAVES) {
    const next = stack.pop();
    if (typeof next === 'string' || typeof next === 'number') {
      const text = String(next);
      if (text.length >= MIN_SCRUBBED_CHARS) into.add(text);
    } else if (typeof next === 'object' && next !== null) {
      for (const child of Object.values(next)) stack.push(child);
    }
  }
}

export interface Cause {
  readonly name: string;
  readonly message: string;
  readonly stack: readonly string[];
}

/**
 * The name, message and stack of a thrown value, for the operator, without the caller's data.
 * @param args the arguments of the failing call: values of fields that are not logged plain are cut out of the message
 */
export function describeCause(thrown: unknown, args: unknown, policies: LogPolicies): Cause {
  try {
    return describe(thrown, args, policies);
  } catch {
    // Getters and proxies of the thrown value can throw as well.
    return { name: 'unknown', message: 'a thrown value that cannot be described', stack: [] };
  }
}

function describe(thrown: unknown, args: unknown, policies: LogPolicies): Cause {
  const hidden = hiddenTexts(args, policies);
  const isError = thrown instanceof Error;
  const message = isError ? String(thrown.message) : describeValue(thrown);
  const frames = isError && typeof thrown.stack === 'string' ? framesOf(thrown.stack) : [];
  const shown = (text: string, maxChars: number) => redactRead(cutOut(hidden, partOf(text)), maxChars);
  return {
    name: isError ? shown(String(thrown.name), MAX_NAME_CHARS) : typeof thrown,
    message: shown(message, MAX_CAUSE_CHARS),
    stack: frames.map((line) => shown(line, MAX_FRAME_CHARS)),
  };
}

const framesOf = (stack: string) =>
  stack
    .split('\n')
    .filter((line) => /^\s{1,64}at /.test(line))
    .slice(0, MAX_STACK_LINES)
    .map((line) => line.trim());

/** Every text and number in the arguments that are not logged plain. */
function hiddenTexts(args: unknown, policies: LogPolicies): string[] {
  const hidden = new Set<string>();
  if (typeof args === 'object' && args !== null) {
    for (const [field, value] of Object.entries(args)) if (policies[field] !== 'plain') leaves(value, hidden);
  }
  return [...hidden];
}

/**
 * Replaces arguments by `[argument]`. An argument longer than 1,024 characters is recognised by its beginning, and everything
 * after it is replaced too.
 */
function cutOut(hidden: readonly string[], { shown, ahead, isCut }: ReadPart): ReadPart {
  const read = shown + ahead;
  const isHidden = new Uint8Array(read.length);
  for (const argument of hidden) {
    const sought = argument.slice(0, LOOK_AHEAD_CHARS);
    for (let at = read.indexOf(sought); at !== -1; at = read.indexOf(sought, at + sought.length)) {
      isHidden.fill(1, at, sought === argument ? at + sought.length : read.length);
    }
  }
  const visible = (from: number, to: number) => {
    let text = '';
    for (let at = from, next = from; at < to; at = next) {
      while (next < to && isHidden[next] === isHidden[at]) next++;
      text += isHidden[at] === 1 ? '[argument]' : read.slice(at, next);
    }
    return text;
  };
  return { shown: visible(0, shown.length), ahead: visible(shown.length, read.length), isCut };
}

function describeValue(thrown: unknown): string {
  return typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? String(thrown));
}
