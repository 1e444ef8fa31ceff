/** What one entry of a write does to one cell, worked out before anything is written. */
import { invalidInput } from '../errors.ts';
import { type Cell, live } from './cell.ts';
import { mergePatch } from './merge-patch.ts';
import { type Encoded, encodeValue, isSafeNumber, sameJson } from './value.ts';

export const MODES = ['set', 'merge', 'append', 'increment'] as const;
export type Mode = (typeof MODES)[number];

/** One entry of a write. */
export interface Change {
  /** The argument that holds the value, for errors: `value` or `entries[3].value`. */
  readonly field: string;
  readonly key: string;
  readonly mode: Mode;
  readonly value: unknown;
  readonly author: string;
  readonly ifRev: number | undefined;
  /** `keep`: the cell expires when it does now, whatever the mode. */
  readonly ttlSeconds: number | 'keep' | undefined;
  readonly tags: readonly string[] | undefined;
}

/** The cell as it will be. */
export interface Next extends Encoded {
  readonly tags: string;
  readonly expiresAt: number | null;
}

export type Plan =
  | { readonly status: 'conflict' }
  | { readonly status: 'unchanged'; readonly current: Cell }
  | { readonly status: 'created' | 'updated'; readonly next: Next };

/**
 * @param stored the row of the cell, expired or not
 * @throws ToolError when the mode does not fit the current value, or the result does not fit a cell
 */
export function planChange(change: Change, stored: Cell | undefined, now: number): Plan {
  const current = live(stored, now);
  if (change.ifRev !== undefined && change.ifRev !== (current?.rev ?? 0)) return { status: 'conflict' };
  const encoded = encodeValue(nextValue(change, current), change.field);
  const next: Next = {
    ...encoded,
    tags:
      change.tags === undefined ? (current?.tags ?? '[]') : JSON.stringify([...new Set(change.tags)].sort()),
    expiresAt: nextExpiry(change, current, now),
  };
  if (current === undefined) return { status: 'created', next };
  return isSame(current, next) ? { status: 'unchanged', current } : { status: 'updated', next };
}

function nextValue({ mode, value, field }: Change, current: Cell | undefined): unknown {
  switch (mode) {
    case 'set':
      return value;
    case 'merge':
      return mergePatch(current === undefined ? {} : JSON.parse(current.value), value);
    case 'append':
      return appended(current === undefined ? [] : JSON.parse(current.value), value, field);
    case 'increment':
      return incremented(current === undefined ? 0 : JSON.parse(current.value), value, field);
  }
}

function appended(list: unknown, item: unknown, field: string): unknown {
  if (Array.isArray(list)) return [...list, item];
  throw invalidInput(
    field,
    'The cell does not hold a list, so nothing can be appended; use mode set to replace it.',
  );
}

function incremented(number: unknown, by: unknown, field: string): number {
  if (typeof by !== 'number' || !Number.isFinite(by))
    throw invalidInput(field, `${field} must be a finite number in mode increment.`);
  if (typeof number !== 'number')
    throw invalidInput(
      field,
      'The cell does not hold a number, so it cannot be incremented; use mode set to replace it.',
    );
  const sum = number + by;
  if (isSafeNumber(sum)) return sum;
  throw invalidInput(
    field,
    `The sum would be beyond ±${Number.MAX_SAFE_INTEGER}, where counting is not exact; use a smaller step or mode set.`,
  );
}

function nextExpiry({ ttlSeconds, mode }: Change, current: Cell | undefined, now: number): number | null {
  if (typeof ttlSeconds === 'number') return now + ttlSeconds * 1000;
  return mode === 'set' && ttlSeconds !== 'keep' ? null : (current?.expires_at ?? null);
}

function isSame(current: Cell, next: Next): boolean {
  return (
    current.expires_at === next.expiresAt && current.tags === next.tags && sameJson(current.value, next.json)
  );
}
