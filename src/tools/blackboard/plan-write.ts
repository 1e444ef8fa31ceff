/** Computes what one entry of a write does to its cell, before anything is written. */
import { invalidInput } from '../errors.ts';
import { type Cell, unlessExpired } from './cell.ts';
import { mergePatch } from './merge-patch.ts';
import { type EncodedValue, encodeValue, isSafeNumber, sameJson } from './value.ts';

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
 * @param stored the row of the cell, expired or not
 * @throws ToolError `invalid_input` if the mode does not fit the current value, `too_large` if the result does not fit a cell
 */
export function planWrite(write: CellWrite, stored: Cell | undefined, now: number): WritePlan {
  const current = unlessExpired(stored, now);
  if (write.ifRev !== undefined && write.ifRev !== (current?.rev ?? 0)) return { status: 'conflict' };
  const encoded = encodeValue(nextValue(write, current), write.field);
  const next: PlannedCell = {
    ...encoded,
    tags:
      write.tags === undefined ? (current?.tags ?? '[]') : JSON.stringify([...new Set(write.tags)].sort()),
    expiresAt: nextExpiry(write, current, now),
  };
  if (current === undefined) return { status: 'created', next };
  return isSame(current, next) ? { status: 'unchanged', current } : { status: 'updated', next };
}

function nextValue({ mode, value, field }: CellWrite, current: Cell | undefined): unknown {
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
    'Mode append needs a list, but the cell holds something else. Use mode set to replace the value.',
  );
}

function incremented(number: unknown, by: unknown, field: string): number {
  if (typeof by !== 'number' || !Number.isFinite(by))
    throw invalidInput(field, `${field} must be a finite number in mode increment.`);
  if (typeof number !== 'number')
    throw invalidInput(
      field,
      'Mode increment needs a number, but the cell holds something else. Use mode set to replace the value.',
    );
  const sum = number + by;
  if (isSafeNumber(sum)) return sum;
  throw invalidInput(
    field,
    `The sum would exceed ±${Number.MAX_SAFE_INTEGER}, beyond which integers are not exact. Use a smaller step or mode set.`,
  );
}

function nextExpiry({ ttlSeconds, mode }: CellWrite, current: Cell | undefined, now: number): number | null {
  if (typeof ttlSeconds === 'number') return now + ttlSeconds * 1000;
  return mode === 'set' && ttlSeconds !== 'keep' ? null : (current?.expires_at ?? null);
}

function isSame(current: Cell, next: PlannedCell): boolean {
  return (
    current.expires_at === next.expiresAt && current.tags === next.tags && sameJson(current.value, next.json)
  );
}
