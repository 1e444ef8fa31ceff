import * as z from 'zod';
import { count, limit, optionalName } from '../fields.ts';
import { defineTool, type Sql } from '../tool.ts';
import { type Fix, fixesOf, recommendedFix } from './fixes.ts';
import { findWarnings, type Match } from './match.ts';
import { knownFixSchema, knownFixView, scarSchema, scarView } from './output.ts';
import { occurrencesInRun, recordShown, shownToRun } from './runs.ts';
import { scarIdText } from './store.ts';
import { redacted, requiredText, requireTextLimits } from './texts.ts';
import { byStrength, REASONS, VERDICTS, verdictOf } from './verdict.ts';

const DEFAULT_SCARS_SHOWN = 3;
const MAX_SCARS_SHOWN = 3;

interface Warning {
  readonly match: Match;
  readonly fixes: readonly Fix[];
  readonly verdict: ReturnType<typeof verdictOf>;
}

/** The verdict of each match, the strongest verdict first, otherwise in the order of the search. */
function warnings(sql: Sql, matches: readonly Match[], runId: string | null, now: number): Warning[] {
  const ids = matches.map(({ scar }) => scar.id);
  const fixes = fixesOf(sql, ids);
  const hits = runId === null ? new Map<number, number>() : occurrencesInRun(sql, ids, runId, now);
  return matches
    .map((match) => {
      const { scar } = match;
      const own = fixes.filter((fix) => fix.scar_id === scar.id);
      const evidence = {
        state: scar.state,
        class: scar.class,
        occurrences: scar.occurrences,
        runHits: hits.get(scar.id) ?? 0,
        confidence: own[0]?.confidence ?? 0,
        lastSeen: scar.last_seen,
      };
      return { match, fixes: own, verdict: verdictOf(evidence, now) };
    })
    .sort((a, b) => byStrength(a.verdict, b.verdict));
}

export const scarCheck = defineTool({
  name: 'scar_check',
  title: 'Check before acting',
  description:
    'Call it right before a risky or costly action: has it failed here before? clear: go on; caution: read the scars; stop: it ' +
    'will fail again, so apply known_fix or change the approach. With run_id a scar is shown to a run once.',
  scope: 'scar:read',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    action: requiredText('action', 'What you will do, such as the command line.'),
    tool: optionalName(),
    target: optionalName(512).describe('Host, file or table.'),
    project: optionalName(),
    run_id: optionalName(),
    agent: optionalName(),
    limit: limit(DEFAULT_SCARS_SHOWN, MAX_SCARS_SHOWN),
  }),
  output: z.strictObject({
    verdict: z.enum(VERDICTS),
    reason: z.enum(REASONS),
    decided_by: z.string().optional().describe('scar_id that decided the verdict.'),
    scars: z.array(scarSchema.extend({ known_fix: knownFixSchema.optional() })),
    suppressed: count(),
    left_out: count().describe('Matches beyond the limit.'),
  }),
  log: {
    action: 'length',
    tool: 'plain',
    target: 'plain',
    project: 'plain',
    run_id: 'plain',
    agent: 'plain',
    limit: 'plain',
  },
  run(args, context) {
    const { sql, now } = context;
    requireTextLimits(args);
    const attempt = {
      project: redacted(args.project),
      tool: redacted(args.tool),
      target: redacted(args.target),
      action: args.action,
    };
    const runId = redacted(args.run_id);
    const found = warnings(sql, findWarnings(sql, attempt, now), runId, now);
    const ids = found.map(({ match }) => match.scar.id);
    const before = runId === null ? new Set<number>() : shownToRun(sql, ids, runId, now);
    const fresh = found.filter(({ match }) => !before.has(match.scar.id));
    const shown = fresh.slice(0, args.limit);
    // Like the call's own record, this note concerns only the answer. Scars, and what other runs see, do not change.
    if (runId !== null) {
      const shownIds = shown.map(({ match }) => match.scar.id);
      recordShown(sql, shownIds, runId, now);
    }
    const [first] = found;
    return {
      ...(first?.verdict ?? verdictOf(undefined, now)),
      decided_by: first && scarIdText(first.match.scar.id),
      scars: shown.map(({ match, fixes }) => {
        const fix = recommendedFix(fixes);
        return { ...scarView(match, fixes.length, context), known_fix: fix && knownFixView(fix, context) };
      }),
      suppressed: found.length - fresh.length,
      left_out: fresh.length - shown.length,
    };
  },
});
