import type * as z from 'zod';
import type { Sql, ToolContext } from '../tool.ts';
import { type Fix, fixesOf, recommendedFix } from './fixes.ts';
import { findSimilar, type Match } from './match.ts';
import { scarSchema, scarView } from './output.ts';
import type { Failure } from './relate-failure.ts';
import { occurrencesInRun } from './runs.ts';
import type { FailureClass } from './state.ts';
import type { Evidence } from './verdict.ts';

/** What is known of failures similar to one that is recorded for the first time. */
export interface Kin {
  /** The most similar one that has a fix, or the most similar one. */
  readonly nearest: Match;
  /** The fix to try. */
  readonly fix: Fix | undefined;
  readonly fixes: readonly Fix[];
  /** Occurrences of all of them, and of those in this run. */
  readonly occurrences: number;
  readonly runHits: number;
}

const MAX_KIN = 3;
/** Misspelt words are compared only when somebody asks: recording is more frequent, and its answer counts a verdict. */
const STAGES = ['tool_target', 'words'] as const;

/** Finds them before the new failure is stored. */
export function findKin(sql: Sql, failure: Failure, runId: string | null, now: number): Kin | undefined {
  const matches = findSimilar(sql, failure, now, STAGES, MAX_KIN);
  const ids = matches.map(({ scar }) => scar.id);
  const fixes = fixesOf(sql, ids);
  const fixesOfScar = ({ scar }: Match) => fixes.filter((fix) => fix.scar_id === scar.id);
  const nearest = matches.find((match) => recommendedFix(fixesOfScar(match)) !== undefined) ?? matches[0];
  if (nearest === undefined) return undefined;
  const hits = runId === null ? new Map<number, number>() : occurrencesInRun(sql, ids, runId, now);
  return {
    nearest,
    fix: recommendedFix(fixesOfScar(nearest)),
    fixes: fixesOfScar(nearest),
    occurrences: matches.reduce((sum, { scar }) => sum + scar.occurrences, 0),
    runHits: ids.reduce((sum, id) => sum + (hits.get(id) ?? 0), 0),
  };
}

/** The facts for the verdict on a new failure: those of its kin, with its own occurrence. */
export const evidenceOfKin = (
  { nearest, fixes, occurrences, runHits }: Kin,
  ownClass: FailureClass | undefined,
  ownRunHits: number,
  now: number,
): Evidence => ({
  state: nearest.scar.state,
  class: ownClass ?? nearest.scar.class,
  occurrences: occurrences + 1,
  runHits: runHits + ownRunHits,
  confidence: fixes[0]?.confidence ?? 0,
  lastSeen: now,
});

export const kinSchema = scarSchema.pick({
  scar_id: true,
  state: true,
  matched_by: true,
  error_type: true,
  summary: true,
  occurrences: true,
  principal: true,
  agent: true,
  age_s: true,
});

export function kinView(
  { nearest, fixes }: Kin,
  reader: Pick<ToolContext, 'now' | 'author'>,
): z.output<typeof kinSchema> {
  const { scar_id, state, matched_by, error_type, summary, occurrences, principal, agent, age_s } = scarView(
    nearest,
    fixes.length,
    reader,
  );
  return { scar_id, state, matched_by, error_type, summary, occurrences, principal, agent, age_s };
}
