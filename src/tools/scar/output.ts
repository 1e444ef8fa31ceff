import * as z from 'zod';
import { clip } from '../../telemetry/redact.ts';
import { count } from '../fields.ts';
import type { ToolContext } from '../tool.ts';
import type { Fix } from './fixes.ts';
import { MATCHED_BY, type Match } from './match.ts';
import { CLASSES, SEVERITIES, STATES } from './state.ts';
import { fixIdText, type Scar, scarIdText, summaryOf } from './store.ts';

/** Output schemas of the scar tools and the functions that fill them. Stored text is returned in these fields only, with author and age. */

const MAX_FIX_CHARS = 1000;
const MAX_CAUSE_CHARS = 300;
const MAX_EVIDENCE_CHARS = 300;
const CONFIDENCE_STEPS = 1000;

const author = {
  principal: z.string().optional().describe('Id of the token that wrote it, unless it is yours.'),
  agent: z.string().optional(),
  age_s: count(),
};

const fixScore = {
  confidence: z.number().min(0).max(1),
  worked: count(),
  failed: count(),
  verified: z.boolean(),
};

export const fixSchema = z.strictObject({
  fix_id: z.string(),
  scar_id: z.string(),
  resolution: z.string(),
  ...fixScore,
  evidence: z.string().optional(),
  ...author,
});

export const scarSchema = z.strictObject({
  scar_id: z.string(),
  state: z.enum(STATES),
  matched_by: z.enum(MATCHED_BY),
  project: z.string().optional(),
  tool: z.string().optional(),
  target: z.string().optional(),
  error_type: z.string(),
  error_code: z.string().optional(),
  summary: z.string(),
  cause: z.string().optional(),
  class: z.enum(CLASSES).optional().describe('Omitted if unknown.'),
  severity: z.enum(SEVERITIES).optional(),
  tags: z.array(z.string()).optional(),
  occurrences: count(),
  fixes: count().optional().describe('How many fixes it has; omitted if none.'),
  ...author,
});

export const listedSchema = scarSchema.omit({ matched_by: true }).extend({ rev: count() });

export const knownFixSchema = fixSchema.omit({ scar_id: true, evidence: true });
export const fixScoreSchema = z.strictObject(fixScore);

const orUndefined = (value: string | null) => value ?? undefined;
const ageSeconds = (since: number, now: number) => Math.max(0, Math.floor((now - since) / 1000));

/** For whom an answer is made, and when. */
type Reader = Pick<ToolContext, 'now' | 'author'>;

const authorFields = (
  row: { principal: string; agent: string | null },
  since: number,
  { now, author }: Reader,
) => ({
  principal: row.principal === author.principal ? undefined : row.principal,
  agent: orUndefined(row.agent),
  age_s: ageSeconds(since, now),
});

/** A fix's report counts and its confidence, rounded to three decimals. All zero when there is no fix. */
export function fixScoreOf(fix: Fix | undefined): z.output<typeof fixScoreSchema> {
  return {
    confidence: Math.round((fix?.confidence ?? 0) * CONFIDENCE_STEPS) / CONFIDENCE_STEPS,
    worked: fix?.worked ?? 0,
    failed: fix?.failed ?? 0,
    verified: fix?.verified === 1,
  };
}

/** A fix as an entry of a list: long texts are clipped. */
export function fixView(fix: Fix, reader: Reader): z.output<typeof fixSchema> {
  return {
    fix_id: fixIdText(fix.id),
    scar_id: scarIdText(fix.scar_id),
    resolution: clip(fix.resolution, MAX_FIX_CHARS),
    ...fixScoreOf(fix),
    evidence: fix.evidence === null ? undefined : clip(fix.evidence, MAX_EVIDENCE_CHARS),
    ...authorFields(fix, fix.created_at, reader),
  };
}

/** The fix to try, with its whole text. */
export function knownFixView(fix: Fix, reader: Reader): z.output<typeof knownFixSchema> {
  return {
    fix_id: fixIdText(fix.id),
    resolution: fix.resolution,
    ...fixScoreOf(fix),
    ...authorFields(fix, fix.created_at, reader),
  };
}

/** A scar that matched a failure or an action. */
export function scarView({ scar, stage }: Match, fixes: number, reader: Reader): z.output<typeof scarSchema> {
  return { ...scarFields(scar, fixes, reader), matched_by: stage };
}

/** A scar as an entry of `scar_list`. */
export function listedView(scar: Scar, fixes: number, reader: Reader): z.output<typeof listedSchema> {
  return { ...scarFields(scar, fixes, reader), rev: scar.rev };
}

function scarFields(scar: Scar, fixes: number, reader: Reader) {
  const tags = tagsOf(scar);
  return {
    scar_id: scarIdText(scar.id),
    state: scar.state,
    project: orUndefined(scar.project),
    tool: orUndefined(scar.tool),
    target: orUndefined(scar.target),
    error_type: scar.error_type,
    error_code: orUndefined(scar.error_code),
    summary: summaryOf(scar),
    cause: scar.cause === null ? undefined : clip(scar.cause, MAX_CAUSE_CHARS),
    class: scar.class === 'unknown' ? undefined : scar.class,
    severity: scar.severity ?? undefined,
    tags: tags.length === 0 ? undefined : tags,
    occurrences: scar.occurrences,
    fixes: fixes || undefined,
    ...authorFields(scar, scar.last_seen, reader),
  };
}

const storedTags = z.array(z.string());
export const tagsOf = (scar: Pick<Scar, 'tags'>) => storedTags.parse(JSON.parse(scar.tags));
