/** What a write answers about a cell that is not as its `if_rev` says, so that its caller can go on without another call. */
import * as z from 'zod';
import { jsonBytes } from '../../json/raw-json.ts';
import { AnswerBudget } from '../answer-budget.ts';
import { count, leftOut } from '../fields.ts';
import { showValue } from '../shown-value.ts';
import { ageSeconds, secondsLeft } from '../time.ts';
import type { Cell } from './cell.ts';
import { revision } from './fields.ts';
import { showAuthor, showTags } from './show-cell.ts';
import { DEFAULT_READ_BYTES } from './value.ts';

export const currentCell = z.strictObject({
  value: z.unknown().optional(),
  truncated: z.literal(true).optional(),
  left_out: leftOut(),
  bytes: count().optional().describe('Full size, when truncated or left out.'),
  rev: revision(),
  by: z.string().optional(),
  age_s: count(),
  tags: z.array(z.string()).optional(),
});
type Current = z.output<typeof currentCell>;

/** @param cell the unexpired cell, with the start of its value; undefined if there is none */
export function describeConflict(key: string, cell: Cell | undefined, now: number) {
  if (cell === undefined) return { key, rev: 0 };
  const current: Current = {
    ...showValue(cell.value, cell.bytes, DEFAULT_READ_BYTES),
    rev: cell.rev,
    ...showAuthor(cell),
    age_s: ageSeconds(cell.updated_at, now),
    ...showTags(cell.tags),
  };
  return { key, rev: cell.rev, expires_in_s: secondsLeft(cell.expires_at, now), current };
}

/** The entries of a batch, with the current values as far as they fit, and how to get the others. */
export function fittedConflicts<Entry extends { readonly current?: Current | undefined }>(
  entries: readonly Entry[],
  answerBytes: number,
): { entries: Entry[]; hint: string | undefined } {
  const shown = new AnswerBudget(answerBytes).wholeOrShort(
    entries.map((whole) => ({ whole, short: withoutValue(whole) })),
  );
  return { entries: shown, hint: shown.some(({ current }) => current?.left_out) ? LEFT_OUT_HINT : undefined };
}

const LEFT_OUT_HINT = 'Values with left_out did not fit. Read them with blackboard_read.';

function withoutValue<Entry extends { readonly current?: Current | undefined }>(entry: Entry): Entry {
  if (entry.current === undefined) return entry;
  const { value, bytes, rev, age_s } = entry.current;
  const size = bytes ?? jsonBytes(value);
  return { ...entry, current: { left_out: true, bytes: size, rev, age_s } };
}
