import type { Sql } from '../tool.ts';
import { usedBy } from '../totals.ts';

/** What is stored about a run: how often it hit each scar, and which scars it was shown. */

/** Maximum number of runs counted per scar; the oldest are deleted. */
const MAX_RUNS_PER_SCAR = 64;
/** How long a run is stored after its last occurrence, in milliseconds. */
export const RUN_RETENTION_MS = 7 * 24 * 3_600_000;
/** Maximum number of rows in `scar_shown` per tenant; the oldest are deleted, and their runs see the scar once more. */
export const MAX_SHOWN = 20_000;
/** What those notes may take, beyond the storage quota; the oldest go first. */
export const MAX_SHOWN_BYTES = 8 * 1024 * 1024;
/** Notes that go when they take too much: more than one call adds. */
const SHOWN_DROPPED_AT_ONCE = 256;

/** Counts one more occurrence of a scar in a run. @returns the new count */
export function countRunOccurrence(sql: Sql, scarId: number, runId: string, now: number): number {
  sql.exec('DELETE FROM scar_runs WHERE scar_id = ? AND last_seen <= ?', scarId, now - RUN_RETENTION_MS);
  const [row] = sql.exec<{ occurrences: number }>(
    `INSERT INTO scar_runs (scar_id, run_id, occurrences, last_seen) VALUES (?, ?, 1, ?)
     ON CONFLICT (scar_id, run_id) DO UPDATE SET occurrences = occurrences + 1, last_seen = excluded.last_seen
     RETURNING occurrences`,
    scarId,
    runId,
    now,
  );
  const occurrences = row?.occurrences ?? 1;
  if (occurrences === 1) deleteOldestRuns(sql, scarId, runId);
  return occurrences;
}

/** Deletes the runs of a scar beyond the latest 64, but never `current`. */
export function deleteOldestRuns(sql: Sql, scarId: number, current = ''): void {
  sql.exec(
    `DELETE FROM scar_runs WHERE scar_id = ? AND run_id IN
       (SELECT run_id FROM scar_runs WHERE scar_id = ? ORDER BY run_id = ? DESC, last_seen DESC, run_id
        LIMIT -1 OFFSET ?)`,
    scarId,
    scarId,
    current,
    MAX_RUNS_PER_SCAR,
  );
}

/** How often a run hit each of these scars. Scars that it did not hit are absent. */
export function occurrencesInRun(
  sql: Sql,
  scarIds: readonly number[],
  runId: string,
  now: number,
): Map<number, number> {
  const rows = sql.exec<{ scar_id: number; occurrences: number }>(
    `SELECT scar_id, occurrences FROM scar_runs
     WHERE scar_id IN (SELECT value FROM json_each(?)) AND run_id = ? AND last_seen > ? LIMIT ?`,
    JSON.stringify(scarIds),
    runId,
    now - RUN_RETENTION_MS,
    scarIds.length,
  );
  return new Map(rows.map((row) => [row.scar_id, row.occurrences]));
}

/** Which of these scars the run was shown in the last seven days. */
export function shownToRun(sql: Sql, scarIds: readonly number[], runId: string, now: number): Set<number> {
  const rows = sql.exec<{ scar_id: number }>(
    `SELECT scar_id FROM scar_shown
     WHERE run_id = ? AND scar_id IN (SELECT value FROM json_each(?)) AND at > ? LIMIT ?`,
    runId,
    JSON.stringify(scarIds),
    now - RUN_RETENTION_MS,
    scarIds.length,
  );
  return new Set(rows.map((row) => row.scar_id));
}

/** Stores that a run was shown these scars. */
export function recordShown(sql: Sql, scarIds: readonly number[], runId: string, now: number): void {
  if (scarIds.length === 0) return;
  sql.exec(
    `INSERT INTO scar_shown (run_id, scar_id, at) SELECT ?, value, ? FROM json_each(?) WHERE true
     ON CONFLICT (run_id, scar_id) DO UPDATE SET at = excluded.at`,
    runId,
    now,
    JSON.stringify(scarIds),
  );
  sql.exec('DELETE FROM scar_shown WHERE id <= (SELECT max(id) FROM scar_shown) - ?', MAX_SHOWN);
  if (usedBy(sql, 'shown').bytes <= MAX_SHOWN_BYTES) return;
  sql.exec(
    'DELETE FROM scar_shown WHERE id IN (SELECT id FROM scar_shown ORDER BY id LIMIT ?)',
    SHOWN_DROPPED_AT_ONCE,
  );
}
