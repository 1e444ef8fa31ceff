import type { Sql, SqlRow, ToolContext } from '../tool.ts';
import { confidenceOf } from './confidence.ts';

/** Maximum number of fixes per scar. */
export const MAX_FIXES = 10;
/** Minimum confidence of a recommended fix. One success reaches it; one failure after it goes below again. */
export const RECOMMENDED = 0.2;

interface FixRow extends SqlRow {
  id: number;
  scar_id: number;
  resolution: string;
  worked: number;
  failed: number;
  not_applicable: number;
  verified: number;
  evidence: string | null;
  principal: string;
  agent: string | null;
  created_at: number;
}

export interface Fix extends FixRow {
  confidence: number;
}

/** Sorts by confidence, then by fewest reports of not_applicable, then newest first. */
function byConfidence(a: Fix, b: Fix): number {
  return b.confidence - a.confidence || a.not_applicable - b.not_applicable || b.id - a.id;
}

/** The fixes of some scars, the best first. */
export function fixesOf(sql: Sql, scarIds: readonly number[]): Fix[] {
  if (scarIds.length === 0) return [];
  const rows = sql.exec<FixRow>(
    `SELECT id, scar_id, resolution, worked, failed, not_applicable, verified, evidence, principal, agent, created_at
     FROM scar_fixes WHERE scar_id IN (SELECT value FROM json_each(?)) LIMIT ?`,
    JSON.stringify(scarIds),
    scarIds.length * MAX_FIXES,
  );
  return rows.map((row) => ({ ...row, confidence: confidenceOf(row.worked, row.failed) })).sort(byConfidence);
}

/** True for a fix with failures whose confidence is below the minimum. */
export const isDiscouraged = (fix: Fix) => fix.failed > 0 && fix.confidence < RECOMMENDED;

/** The fix to try: the most confident one if it reaches the minimum, else the newest that never failed. @param fixes best first */
export function recommendedFix(fixes: readonly Fix[]): Fix | undefined {
  const [best] = fixes;
  if (best !== undefined && best.confidence >= RECOMMENDED) return best;
  return fixes.filter((fix) => fix.failed === 0).sort((a, b) => b.id - a.id)[0];
}

/** Resolutions that differ only in case and white space are the same. */
export const sameText = (a: string, b: string) => comparable(a) === comparable(b);
const comparable = (text: string) => text.normalize('NFC').toLowerCase().replace(/\s+/g, ' ').trim();

/**
 * Returns the fix with this resolution, adding it if the scar has none. At the limit of 10 fixes, the one with the lowest
 * confidence is deleted to make room.
 * @param fixes all fixes of the scar, best first
 */
export function findOrAddFix(
  context: ToolContext,
  scarId: number,
  fixes: readonly Fix[],
  resolution: string,
  agent: string | null,
): Fix {
  const known = fixes.find((fix) => sameText(fix.resolution, resolution));
  if (known !== undefined) return known;
  const lowest = fixes.length < MAX_FIXES ? undefined : fixes.at(-1);
  if (lowest !== undefined) deleteFix(context.sql, lowest);
  const fix: FixRow = {
    id: context.nextRev(),
    scar_id: scarId,
    resolution,
    worked: 0,
    failed: 0,
    not_applicable: 0,
    verified: 0,
    evidence: null,
    principal: context.author.principal,
    agent,
    created_at: context.now,
  };
  context.sql.exec(
    `INSERT INTO scar_fixes
       (id, scar_id, resolution, worked, failed, not_applicable, verified, evidence, principal, agent, created_at)
     VALUES (?, ?, ?, 0, 0, 0, 0, NULL, ?, ?, ?)`,
    fix.id,
    scarId,
    resolution,
    fix.principal,
    agent,
    fix.created_at,
  );
  return { ...fix, confidence: 0 };
}

export function deleteFix(sql: Sql, fix: Fix): void {
  sql.exec('DELETE FROM scar_reports WHERE scar_id = ? AND fix_id = ?', fix.scar_id, fix.id);
  sql.exec('DELETE FROM scar_fixes WHERE id = ?', fix.id);
}

/** Reports by one token on one fix that count within an hour. */
const MAX_REPORTS_PER_HOUR = 5;
/** How long a report counts towards its token's limit, in milliseconds. */
export const REPORT_RETENTION_MS = 3_600_000;

/**
 * Stores a report by the caller on a fix, or on the scar itself (`fixId` 0).
 * @returns false, storing nothing, when the caller has used up its reports for this hour
 */
export function countReport({ sql, author, now }: ToolContext, scarId: number, fixId: number): boolean {
  const since = now - REPORT_RETENTION_MS;
  const [row] = sql.exec<{ reports: number }>(
    'SELECT count(*) AS reports FROM scar_reports WHERE scar_id = ? AND at > ? AND fix_id = ? AND principal = ?',
    scarId,
    since,
    fixId,
    author.principal,
  );
  if (row !== undefined && row.reports >= MAX_REPORTS_PER_HOUR) return false;
  sql.exec('DELETE FROM scar_reports WHERE scar_id = ? AND at <= ?', scarId, since);
  sql.exec(
    'INSERT INTO scar_reports (scar_id, fix_id, principal, at) VALUES (?, ?, ?, ?)',
    scarId,
    fixId,
    author.principal,
    now,
  );
  return true;
}
