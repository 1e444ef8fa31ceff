import * as z from 'zod';
import { count, limit, optionalName } from '../fields.ts';
import { defineTool, type Sql } from '../tool.ts';
import { knownFixSchema, knownFixView, scarSchema, scarView } from './answers.ts';
import { type Fix, fixesOf, recommended } from './fixes.ts';
import { findWarnings, type Match } from './match.ts';
import { hitsOfRun, noteShown, shownToRun } from './runs.ts';
import { scarIdText } from './store.ts';
import { redacted, requiredText, requireFit } from './texts.ts';
import { REASONS, strongest, VERDICTS, verdictOf } from './verdict.ts';

const DEFAULT_SCARS_SHOWN = 3;
const MAX_SCARS_SHOWN = 3;

interface Warning {
  readonly match: Match;
  readonly fixes: readonly Fix[];
  readonly verdict: ReturnType<typeof verdictOf>;
}

/** What each match says about going on, the strongest first and the rest as they were found. */
function warnings(sql: Sql, matches: readonly Match[], runId: string | null, now: number): Warning[] {
  const ids = matches.map(({ scar }) => scar.id);
  const fixes = fixesOf(sql, ids);
  const hits = runId === null ? new Map<number, number>() : hitsOfRun(sql, ids, runId, now);
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
    .sort((a, b) => strongest(a.verdict, b.verdict));
}

export const scarCheck = defineTool({
  name: 'scar_check',
  title: 'Check before acting',
  description:
    'Asks, right before an action, whether it is known to fail. clear: go on; caution: read the scars first; stop: the ' +
    'same will fail again, so change the approach or apply the known_fix. The server advises, it cannot block. With ' +
    'run_id a scar is shown to a run once, `suppressed` counts those it was shown before; the verdict still counts them.',
  scope: 'scar:read',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    action: requiredText('action', 'What is going to be done, such as the command line.'),
    tool: optionalName().describe('What it is done with: a tool, a command, a service.'),
    target: optionalName(512).describe('What it is done to: a host, a file, a table.'),
    project: optionalName().describe('Leave out to search all projects.'),
    run_id: optionalName().describe('The run: what it hit counts, what it was shown is not repeated.'),
    agent: optionalName().describe('Who asks; all agents get the same answer.'),
    limit: limit(DEFAULT_SCARS_SHOWN, MAX_SCARS_SHOWN),
  }),
  output: z.strictObject({
    verdict: z.enum(VERDICTS),
    reason: z.enum(REASONS),
    decided_by: z.string().optional().describe('The scar_id that the verdict comes from.'),
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
  run(args, { sql, now }) {
    requireFit(args);
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
    // A note about the answer, as the record of the call is one: what the memory holds and says to others stays as it is.
    if (runId !== null) {
      const shownIds = shown.map(({ match }) => match.scar.id);
      noteShown(sql, shownIds, runId, now);
    }
    const [first] = found;
    return {
      ...(first?.verdict ?? verdictOf(undefined, now)),
      decided_by: first && scarIdText(first.match.scar.id),
      scars: shown.map(({ match, fixes }) => {
        const fix = recommended(fixes);
        return { ...scarView(match, fixes.length, now), known_fix: fix && knownFixView(fix, now) };
      }),
      suppressed: found.length - fresh.length,
      left_out: fresh.length - shown.length,
    };
  },
});
