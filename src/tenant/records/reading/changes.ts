import * as z from 'zod';
import { redactForLog } from '../../../telemetry/redact.ts';
import type { Sql } from '../../../tools/tool.ts';
import type { RecordRow } from '../record.ts';

/** What a call has changed: the revisions that it made, joined with what is still stored of each. */

/** Changes that are shown of one call. */
export const MAX_CHANGES = 100;
/** A name is redacted like an argument: the board stores what a caller has sent, credentials included. */
const MAX_NAME_CHARS = 128;

export const changeSchema = z.strictObject({
  rev: z.int(),
  what: z.string().describe('`set`, `merge`, `delete`, `claim`, `release`, `scar`, `cached`, or `not kept`.'),
  run_id: z.string().optional().describe('The board.'),
  key: z.string().optional(),
  by: z.string().optional().describe('What the agent called itself, which nothing proves.'),
  model: z.string().optional().describe('Of a cached answer.'),
});
export type Change = z.infer<typeof changeSchema>;

const MADE_BY = `
  SELECT rev, op AS what, run_id, key, author AS by, NULL AS model FROM board_events WHERE rev > ?1 AND rev <= ?2
  UNION ALL SELECT rev, op, run_id, key, author, NULL FROM board_marks WHERE rev > ?1 AND rev <= ?2
  UNION ALL SELECT id, 'scar', NULL, NULL, agent, NULL FROM scars WHERE id > ?1 AND id <= ?2
  UNION ALL SELECT rev, 'cached', NULL, NULL, NULL, model FROM cache_entries WHERE rev > ?1 AND rev <= ?2`;

type ChangeRow = Record<Exclude<keyof Change, 'rev'>, string | null> & { rev: number };

/** The changes of one call, in order. One whose row was deleted since is `not kept`. */
export function changesOf(
  sql: Sql,
  { rev_from: from, rev_to: to, token_id: token }: Pick<RecordRow, 'rev_from' | 'rev_to' | 'token_id'>,
): Change[] {
  if (to <= from) return [];
  const end = Math.min(to, from + MAX_CHANGES);
  const rows = new Map(sql.exec<ChangeRow>(MADE_BY, from, end).map((row) => [row.rev, row]));
  return Array.from({ length: end - from }, (_, index) => {
    const rev = from + index + 1;
    const row = rows.get(rev);
    if (row === undefined) return { rev, what: 'not kept' };
    // Whoever gives no name is stored under the id of its token.
    return withoutNulls(row.by === token ? { ...row, by: null } : row);
  });
}

function withoutNulls({ rev, what, ...about }: ChangeRow): Change {
  const known = Object.entries(about).flatMap(([name, text]) =>
    text === null ? [] : [[name, redactForLog(text, MAX_NAME_CHARS)] as const],
  );
  return { rev, what: what ?? '', ...Object.fromEntries(known) };
}

/** `set release-42/plan`, for a line of text. */
export function changeText({ rev, what, run_id, key, model }: Change): string {
  const about = key === undefined ? model : `${run_id}/${key}`;
  return `rev ${rev}: ${about === undefined ? what : `${what} ${about}`}`;
}
