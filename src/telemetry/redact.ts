import { createHash } from 'node:crypto';
import { redactSecrets } from './secrets.ts';

/** How an argument may appear in a log line: as it is, as a digest, as a size, or not at all. */
export type LogPolicy = 'plain' | 'hash' | 'length' | 'omit';
export type LogPolicies = Readonly<Record<string, LogPolicy>>;

/** Characters of a text that are read before it is logged: what is behind them costs no time, whatever a caller sends. */
export const MAX_INSPECTED_CHARS = 4096;
/** Characters at their end that are read and never shown: a credential or an argument may go on behind them. */
const LOOK_AHEAD_CHARS = 1024;
const MAX_LOGGED_CHARS = 128;
const MAX_LOGGED_ITEMS = 20;
const MAX_NAME_CHARS = 64;
const MAX_CAUSE_CHARS = 600;
const MAX_FRAME_CHARS = 200;
const MAX_STACK_LINES = 12;
const MAX_SCRUBBED_LEAVES = 1000;
const MIN_SCRUBBED_CHARS = 3;

/** At most `max` characters of `text`, marked when cut, never cut inside a surrogate pair. */
export function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max).toWellFormed()}…`;
}

/**
 * A text as it may be logged: without credentials, at most `maxChars` long, marked by `…` when cut.
 * Reads the first 4,096 characters only, and of a longer text shows at most what the first 3,072 become, so that no
 * credential is shown in part.
 * @example redactForLog(path, 256)
 */
export function redactForLog(text: string, maxChars: number): string {
  return redactRead(partOf(text), maxChars);
}

/** The beginning of a text: `shown` may be logged once redacted, `ahead` is only read. */
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
  // The two differ from where a credential begins that is recognised only with what is ahead.
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
    case 'omit':
      return undefined;
  }
}

/** The arguments as they may be logged. A field without a policy is left out, and so is an unknown field. */
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
 * What an operator needs of a thrown value: its name, message and stack, without the caller's data in it.
 * @param args the arguments of the failing call: values of fields that are not logged plain are cut out of the message
 */
export function describeCause(thrown: unknown, args: unknown, policies: LogPolicies): Cause {
  try {
    return describe(thrown, args, policies);
  } catch {
    // Getters and proxies can throw anything once more.
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

/** `[argument]` in place of arguments. One that is longer than what is only read is found by its beginning and ends the text. */
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
