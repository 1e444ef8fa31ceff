import { createHash } from 'node:crypto';
import { redactSecrets } from './secrets.ts';

/** How an argument may appear in a log line: as it is, as a digest, as a size, or not at all. */
export type LogPolicy = 'plain' | 'hash' | 'length' | 'omit';
export type LogPolicies = Readonly<Record<string, LogPolicy>>;

const MAX_LOGGED_CHARS = 128;
const MAX_LOGGED_ITEMS = 20;
const MAX_CAUSE_CHARS = 600;
const MAX_STACK_LINES = 12;
const MAX_SCRUBBED_LEAVES = 1000;
const MIN_SCRUBBED_CHARS = 3;

/** At most `max` characters of `text`, marked when cut, never cut inside a surrogate pair. */
export function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max).toWellFormed()}…`;
}

function plain(value: unknown): unknown {
  if (typeof value === 'string') return clip(redactSecrets(value).text, MAX_LOGGED_CHARS);
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

/** Every text and number in `value`, so that none of it survives in the message of an error. */
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
 * @param args what the failing call was given: texts of fields that are not logged plain are cut out of the message
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
  const isError = thrown instanceof Error;
  const hidden = new Set<string>();
  if (typeof args === 'object' && args !== null) {
    for (const [field, value] of Object.entries(args)) if (policies[field] !== 'plain') leaves(value, hidden);
  }
  let message = isError ? String(thrown.message) : describeValue(thrown);
  // The longest first: a text that contains another must not leave its rest behind.
  for (const text of [...hidden].sort((a, b) => b.length - a.length))
    message = message.replaceAll(text, '[argument]');
  const frames = isError && typeof thrown.stack === 'string' ? thrown.stack.split('\n') : [];
  return {
    name: isError ? clip(String(thrown.name), 64) : typeof thrown,
    message: clip(redactSecrets(message).text, MAX_CAUSE_CHARS),
    stack: frames
      .filter((line) => /^\s+at /.test(line))
      .slice(0, MAX_STACK_LINES)
      .map((line) => clip(line.trim(), 200)),
  };
}

function describeValue(thrown: unknown): string {
  return typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? String(thrown));
}
