import type { Sql } from '../tool.ts';

/** What is remembered of a run: how often it hit a scar, and which scars it was shown. */

/** Runs whose count is kept for one scar: the latest. */
const MAX_RUNS_PER_SCAR = 64;
/** How long a run is remembered after its last occurrence, in milliseconds. */
export const RUN_MEMORY_MS = 7 * 24 * 3_600_000;
/** Notes of what was shown that a tenant keeps: the newest. A run whose notes are gone is shown a scar once more. */
export const MAX_SHOWN = 20_000;

/** Counts one more occurrence of a scar in a run; returns how many there are. */
export function noteRun(sql: Sql, scarId: number, runId: string, now: number): number {
  sql.exec('DELETE FROM scar_runs WHERE scar_id = ? AND last_seen <= ?', scarId, now - RUN_MEMORY_MS);
  const [row] = sql.exec<{ occurrences: number }>(
    `INSERT INTO scar_runs (scar_id, run_id, occurrences, last_seen) VALUES (?, ?, 1, ?)
     ON CONFLICT (scar_id, run_id) DO UPDATE SET occurrences = occurrences + 1, last_seen = excluded.last_seen
     RETURNING occurrences`,
    scarId,
    runId,
    now,
  );
  const occurrences = row?.occurrences ?? 1;
  if (occurrences === 1) keepLatestRuns(sql, scarId, runId);
  return occurrences;
}

/** Forgets the runs of a scar beyond the latest 64; `current` is none of them. */
export function keepLatestRuns(sql: Sql, scarId: number, current = ''): void {
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

/** How often a run hit each of some scars; a scar that it did not hit is missing. */
export function hitsOfRun(
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
    now - RUN_MEMORY_MS,
    scarIds.length,
  );
  return new Map(rows.map((row) => [row.scar_id, row.occurrences]));
}

/** Which of some scars a run was shown within its memory. */
export function shownToRun(sql: Sql, scarIds: readonly number[], runId: string, now: number): Set<number> {
  const rows = sql.exec<{ scar_id: number }>(
    `SELECT scar_id FROM scar_shown
     WHERE run_id = ? AND scar_id IN (SELECT value FROM json_each(?)) AND at > ? LIMIT ?`,
    runId,
    JSON.stringify(scarIds),
    now - RUN_MEMORY_MS,
    scarIds.length,
  );
  return new Set(rows.map((row) => row.scar_id));
}

/** Notes that a run is shown these scars. */
export function noteShown(sql: Sql, scarIds: readonly number[], runId: string, now: number): void {
  if (scarIds.length === 0) return;
  sql.exec(
    `INSERT INTO scar_shown (run_id, scar_id, at) SELECT ?, value, ? FROM json_each(?) WHERE true
     ON CONFLICT (run_id, scar_id) DO UPDATE SET at = excluded.at`,
    runId,
    now,
    JSON.stringify(scarIds),
  );
  sql.exec('DELETE FROM scar_shown WHERE id <= (SELECT max(id) FROM scar_shown) - ?', MAX_SHOWN);
}
