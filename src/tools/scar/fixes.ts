import type { Sql, SqlRow, ToolContext } from '../tool.ts';
import { confidenceOf } from './confidence.ts';

/** Fixes kept for one scar. */
export const MAX_FIXES = 10;
/** From this confidence on a fix is recommended. One report that it worked is enough, one that it failed undoes that. */
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

/** The best first: by confidence, then those that applied wherever they were tried, then the newest. */
function byStanding(a: Fix, b: Fix): number {
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
  return rows.map((row) => ({ ...row, confidence: confidenceOf(row.worked, row.failed) })).sort(byStanding);
}

/** A fix that failed more than it proved itself. */
export const isDiscouraged = (fix: Fix) => fix.failed > 0 && fix.confidence < RECOMMENDED;

/** What to do, of fixes in order of standing: the best proven one, else the newest without a failure. */
export function recommended(fixes: readonly Fix[]): Fix | undefined {
  const [best] = fixes;
  if (best !== undefined && best.confidence >= RECOMMENDED) return best;
  return fixes.filter((fix) => fix.failed === 0).sort((a, b) => b.id - a.id)[0];
}

/** Two resolutions are the same when they differ in case and white space at most. */
export const sameText = (a: string, b: string) => comparable(a) === comparable(b);
const comparable = (text: string) => text.normalize('NFC').toLowerCase().replace(/\s+/g, ' ').trim();

/**
 * The fix with this resolution, added when the scar lacks it. When the scar has as many fixes as it can have, the one
 * that stands lowest gives way.
 * @param fixes all fixes of the scar, in order of standing
 */
export function requireFix(
  context: ToolContext,
  scarId: number,
  fixes: readonly Fix[],
  resolution: string,
  agent: string | null,
): Fix {
  const known = fixes.find((fix) => sameText(fix.resolution, resolution));
  if (known !== undefined) return known;
  const lowest = fixes.length < MAX_FIXES ? undefined : fixes.at(-1);
  if (lowest !== undefined) dropFix(context.sql, lowest);
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

export function dropFix(sql: Sql, fix: Fix): void {
  sql.exec('DELETE FROM scar_reports WHERE scar_id = ? AND fix_id = ?', fix.scar_id, fix.id);
  sql.exec('DELETE FROM scar_fixes WHERE id = ?', fix.id);
}

/** Reports of one reporter on one fix that count within an hour. */
const MAX_REPORTS_PER_HOUR = 5;
/** How long a report is kept to count those of its reporter, in milliseconds. */
export const REPORT_MEMORY_MS = 3_600_000;

/** Notes a report of the caller's on a fix, or on the scar itself (`fixId` 0), and says whether it counts. */
export function noteReport({ sql, author, now }: ToolContext, scarId: number, fixId: number): boolean {
  const since = now - REPORT_MEMORY_MS;
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
