import { ToolError } from '../errors.ts';
import type { Sql, ToolContext } from '../tool.ts';
import { deleteFix, type Fix, fixesOf, MAX_FIXES, sameText } from './fixes.ts';
import { tagsOf } from './output.ts';

import { deleteOldestRuns, RUN_RETENTION_MS } from './runs.ts';
import { SEVERITIES, type Severity, type State } from './state.ts';
import { MAX_TAGS, type Scar } from './store.ts';
import { MAX_TOKENS } from './tokens.ts';

/** Maximum number of fingerprints of one scar. */
export const MAX_FINGERPRINTS = 200;

/**
 * Merges the scar `from` into `into` and deletes `from`.
 *
 * Guarantees: the fingerprints and the id of `from` then refer to `into`; counts are added; fixes with the same
 * resolution become one; texts of `into` win, and texts that only `from` has fill its gaps. It cannot be undone.
 * Limits of one scar hold for the result: the fixes with the lowest confidence, the oldest runs, and words and tags beyond
 * the limit are dropped. Everything happens in the transaction of the call, so a failure changes nothing.
 * @returns the new revision of `into`
 * @throws ToolError `quota_exceeded` when `into` would have more than 200 fingerprints
 */
export function mergeScars(context: ToolContext, from: Scar, into: Scar): number {
  const { sql } = context;
  requireFingerprintLimit(sql, from, into);
  const rev = context.nextRev();
  mergeFixes(sql, from, into);
  moveRuns(context, from, into);
  sql.exec('UPDATE scar_fingerprints SET scar_id = ? WHERE scar_id = ?', into.id, from.id);
  sql.exec(
    `UPDATE scars SET rev = ?, state = ?, class = ?, severity = ?, tags = ?, occurrences = ?, wrong_matches = ?,
       first_seen = ?, last_seen = ?, tokens = ?, names = names || ' ' || ?,
       (target, action, action_key, cause, context) = (SELECT coalesce(scars.target, f.target),
         coalesce(scars.action, f.action), coalesce(scars.action_key, f.action_key),
         coalesce(scars.cause, f.cause), coalesce(scars.context, f.context) FROM scars AS f WHERE f.id = ?)
     WHERE id = ?`,
    rev,
    mergedState(from.state, into.state),
    into.class === 'unknown' ? from.class : into.class,
    higher(from.severity, into.severity),
    JSON.stringify([...new Set([...tagsOf(into), ...tagsOf(from)])].slice(0, MAX_TAGS)),
    into.occurrences + from.occurrences,
    into.wrong_matches + from.wrong_matches,
    Math.min(into.first_seen, from.first_seen),
    Math.max(into.last_seen, from.last_seen),
    unionOfTokens(into.tokens, from.tokens),
    from.error_type,
    from.id,
    into.id,
  );
  sql.exec('DELETE FROM scars WHERE id = ?', from.id);
  return rev;
}

function requireFingerprintLimit(sql: Sql, from: Scar, into: Scar): void {
  const [row] = sql.exec<{ fingerprints: number }>(
    'SELECT count(*) AS fingerprints FROM scar_fingerprints WHERE scar_id IN (?, ?)',
    from.id,
    into.id,
  );
  if (row === undefined || row.fingerprints <= MAX_FINGERPRINTS) return;
  throw new ToolError(
    'quota_exceeded',
    `This scar has the maximum of ${MAX_FINGERPRINTS} fingerprints. Merge into another scar.`,
    { field: 'merge_into', limit: MAX_FINGERPRINTS },
  );
}

/** A resolved scar becomes regressed when the scar merged into it is unresolved. */
function mergedState(from: State, into: State): State {
  return into === 'resolved' && (from === 'open' || from === 'regressed') ? 'regressed' : into;
}

const rank = (severity: Severity | null) => (severity === null ? -1 : SEVERITIES.indexOf(severity));
const higher = (a: Severity | null, b: Severity | null) => (rank(a) > rank(b) ? a : b);

const unionOfTokens = (ours: string, theirs: string) =>
  [...new Set(`${ours} ${theirs}`.split(' '))].filter(Boolean).slice(0, MAX_TOKENS).join(' ');

/** Combines fixes with the same resolution, then deletes those with the lowest confidence beyond the limit. */
function mergeFixes(sql: Sql, from: Scar, into: Scar): void {
  const all = fixesOf(sql, [from.id, into.id]);
  const kept = all.filter((fix) => fix.scar_id === into.id);
  for (const fix of all.filter((candidate) => candidate.scar_id === from.id)) {
    const twin = kept.find((candidate) => sameText(candidate.resolution, fix.resolution));
    if (twin !== undefined) addReports(sql, fix, twin);
  }
  for (const fix of fixesOf(sql, [from.id, into.id]).slice(MAX_FIXES)) deleteFix(sql, fix);
  sql.exec('UPDATE scar_fixes SET scar_id = ? WHERE scar_id = ?', into.id, from.id);
  sql.exec('UPDATE scar_reports SET scar_id = ? WHERE scar_id = ?', into.id, from.id);
}

function addReports(sql: Sql, from: Fix, into: Fix): void {
  sql.exec(
    `UPDATE scar_fixes SET worked = worked + ?, failed = failed + ?, not_applicable = not_applicable + ?,
       verified = max(verified, ?), evidence = coalesce(evidence, ?) WHERE id = ?`,
    from.worked,
    from.failed,
    from.not_applicable,
    from.verified,
    from.evidence,
    into.id,
  );
  sql.exec(
    'UPDATE scar_reports SET fix_id = ? WHERE scar_id = ? AND fix_id = ?',
    into.id,
    from.scar_id,
    from.id,
  );
  sql.exec('DELETE FROM scar_fixes WHERE id = ?', from.id);
}

function moveRuns({ sql, now }: ToolContext, from: Scar, into: Scar): void {
  sql.exec(
    'DELETE FROM scar_runs WHERE scar_id IN (?, ?) AND last_seen <= ?',
    from.id,
    into.id,
    now - RUN_RETENTION_MS,
  );
  sql.exec(
    `INSERT INTO scar_runs (scar_id, run_id, occurrences, last_seen)
     SELECT ?, run_id, occurrences, last_seen FROM scar_runs WHERE scar_id = ?
     ON CONFLICT (scar_id, run_id) DO UPDATE SET occurrences = occurrences + excluded.occurrences,
       last_seen = max(last_seen, excluded.last_seen)`,
    into.id,
    from.id,
  );
  deleteOldestRuns(sql, into.id);
  sql.exec('UPDATE OR IGNORE scar_shown SET scar_id = ? WHERE scar_id = ?', into.id, from.id);
}
