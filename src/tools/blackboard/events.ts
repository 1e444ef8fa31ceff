/** What happened on a board after a revision: the log of its cells and the marks of claims as one. */
import type { Sql } from '../tool.ts';
import { prefixRange } from './cell.ts';
import type { Mode } from './change.ts';
import { VERSION_MS } from './history.ts';
import { AGE_FLOOR } from './sweep.ts';
import { MAX_PREVIEW_CHARS } from './value.ts';

/** Events that one call looks at; when fewer of them are wanted, the rest is left to the next call. */
const MAX_SCANNED = 10_000;

export type BoardEvent = {
  rev: number;
  op: Mode | 'delete' | 'claim' | 'release';
  key: string;
  author: string;
  at: number;
  expires_at: number | null;
  /** The beginning of the JSON text; null when the cell has no new value. */
  value: string | null;
};

export interface Watched {
  readonly runId: string;
  readonly prefix: string;
  readonly since: number;
}

interface Range {
  readonly where: string;
  readonly bindings: readonly string[];
}

/** The keys of a board that begin with a prefix. */
function keysOf({ runId, prefix }: Watched): Range {
  const { from, to } = prefixRange(prefix.normalize('NFC'));
  if (to === undefined) return { where: 'run_id = ? AND key >= ?', bindings: [runId, from] };
  return { where: 'run_id = ? AND key >= ? AND key < ?', bindings: [runId, from, to] };
}

/** The kept events in order, and the revision up to which they are all there; undefined when that is to the end. */
export function eventsSince(
  sql: Sql,
  watched: Watched,
  limit: number,
  now: number,
): { events: BoardEvent[]; upTo: number | undefined } {
  const { runId, since } = watched;
  const { where, bindings } = keysOf(watched);
  const [scanned] = sql.exec<{ rev: number }>(
    'SELECT rev FROM board_events WHERE run_id = ? AND rev > ? ORDER BY rev LIMIT 1 OFFSET ?',
    runId,
    since,
    MAX_SCANNED - 1,
  );
  const range = [...bindings, since, scanned?.rev ?? Number.MAX_SAFE_INTEGER, now - VERSION_MS];
  const chosen = `${where} AND rev > ? AND rev <= ? AND at > ?`;
  const rows = sql.exec<BoardEvent>(
    `SELECT rev, op, key, author, at, expires_at, substr(value, 1, ?) AS value FROM board_events WHERE ${chosen}
     UNION ALL
     SELECT rev, op, key, author, at, NULL, NULL FROM board_marks WHERE ${chosen}
     ORDER BY rev LIMIT ?`,
    // One character more than is shown tells whether there is more.
    MAX_PREVIEW_CHARS + 1,
    ...range,
    ...range,
    limit + 1,
  );
  const events = rows.slice(0, limit);
  return { events, upTo: rows.length > limit ? events.at(-1)?.rev : scanned?.rev };
}

/**
 * Whether events after the revision are no longer kept. Age alone does not make a board incomplete for a newcomer, who
 * watches from 0, as long as the events of every live cell are there.
 */
export function isIncomplete(sql: Sql, watched: Watched, now: number): boolean {
  const { since } = watched;
  const { where, bindings } = keysOf(watched);
  const oldest = now - VERSION_MS;
  const [lost] = sql.exec<{ pruned: number; aged: number }>(
    `SELECT EXISTS (SELECT 1 FROM board_floors WHERE ${where} AND rev > ?) AS pruned,
       EXISTS (SELECT 1 FROM board_floors WHERE run_id = ? AND key = ? AND rev > ?)
       OR coalesce((SELECT at FROM board_events WHERE rev > ? ORDER BY rev LIMIT 1) <= ?, 0)
       OR coalesce((SELECT at FROM board_marks WHERE rev > ? ORDER BY rev LIMIT 1) <= ?, 0) AS aged`,
    ...bindings,
    since,
    AGE_FLOOR.runId,
    AGE_FLOOR.key,
    since,
    since,
    oldest,
    since,
    oldest,
  );
  if (lost?.pruned === 1) return true;
  if (lost?.aged !== 1) return false;
  if (since > 0) return true;
  const old = sql.exec(
    `SELECT 1 FROM board_cells WHERE ${where} AND updated_at <= ? AND (expires_at IS NULL OR expires_at > ?) LIMIT 1`,
    ...bindings,
    oldest,
    now,
  );
  return old.length > 0;
}
