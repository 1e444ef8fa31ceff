import * as z from 'zod';
import { invalidInput, notWith, ToolError } from '../errors.ts';
import { idempotencyKey, optionalName, shortName } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { confidenceOf } from './confidence.ts';
import { countReport, type Fix, findOrAddFix, fixesOf } from './fixes.ts';
import { fixScoreOf, fixScoreSchema } from './output.ts';
import { OUTCOMES, STATES, stateAfterReport } from './state.ts';
import { fixIdText, parseFixId, requireScar, type Scar, scarIdText } from './store.ts';
import { freeText, Redactor, requireTextLimits } from './texts.ts';

const input = z.strictObject({
  scar_id: shortName(64),
  outcome: z.enum(OUTCOMES),
  fix_id: optionalName(64),
  resolution: freeText('resolution').describe('A new fix.'),
  evidence: freeText('evidence'),
  agent: optionalName().describe('Your name.'),
  idempotency_key: idempotencyKey(),
});
type Args = z.output<typeof input>;

/** The reported fix; undefined when the report is about the scar itself. */
function chooseFix(args: Args, scar: Scar, context: ToolContext): Fix | undefined {
  const fixes = fixesOf(context.sql, [scar.id]);
  const redactor = new Redactor();
  const resolution = redactor.optional(args.resolution);
  if (resolution !== null) {
    if (args.fix_id !== undefined) {
      throw notWith(
        'resolution',
        ['fix_id', 'resolution'],
        'resolution and fix_id cannot be combined. Pass fix_id for a known fix or resolution for a new one.',
      );
    }
    if (args.outcome !== 'worked' && args.outcome !== 'failed') {
      throw invalidInput('resolution', 'resolution is allowed only with outcome worked or failed. Omit it.', {
        expected: 'absent',
      });
    }
    return findOrAddFix(context, scar.id, fixes, resolution, redactor.optional(args.agent));
  }
  if (args.fix_id !== undefined) return requireKnown(fixes, args.fix_id);
  if (args.outcome === 'wrong_match') return undefined;
  if (fixes.length === 1) return fixes[0];
  throw invalidInput(
    'fix_id',
    fixes.length === 0
      ? 'The scar has no fix yet. Pass resolution with outcome worked or failed.'
      : 'The scar has several fixes. Pass fix_id, or resolution for a new fix.',
    {
      missing: [fixes.length === 0 ? 'resolution' : 'fix_id'],
      exclusive: ['fix_id', 'resolution'],
      hint: 'scar_lookup returns the fix_id of each fix.',
    },
  );
}

function requireKnown(fixes: readonly Fix[], text: string): Fix {
  const id = parseFixId(text);
  const fix = fixes.find((candidate) => candidate.id === id);
  if (fix !== undefined) return fix;
  throw new ToolError(
    'unknown_handle',
    'The scar has no fix with this fix_id. Use a fix_id from an answer.',
    {
      field: 'fix_id',
      hint: 'scar_lookup returns the fix_id of each fix.',
    },
  );
}

/** Counts a report on a fix. @returns the fix with its new counts, or unchanged if the report does not count */
function report(context: ToolContext, args: Args, fix: Fix): Fix {
  if (!countReport(context, fix.scar_id, fix.id)) return fix;
  const worked = fix.worked + (args.outcome === 'worked' ? 1 : 0);
  const failed = fix.failed + (args.outcome === 'failed' ? 1 : 0);
  const evidence = new Redactor().optional(args.evidence) ?? fix.evidence;
  const reported: Fix = {
    ...fix,
    worked,
    failed,
    confidence: confidenceOf(worked, failed),
    not_applicable: fix.not_applicable + (args.outcome === 'not_applicable' ? 1 : 0),
    verified: args.outcome === 'worked' && context.author.principal !== fix.principal ? 1 : fix.verified,
    evidence,
  };
  context.sql.exec(
    'UPDATE scar_fixes SET worked = ?, failed = ?, not_applicable = ?, verified = ?, evidence = ? WHERE id = ?',
    reported.worked,
    reported.failed,
    reported.not_applicable,
    reported.verified,
    reported.evidence,
    fix.id,
  );
  return reported;
}

export const scarResolve = defineTool({
  name: 'scar_resolve',
  title: 'Report how a fix went',
  description:
    'Reports how a fix went, so that good fixes rise and bad ones are avoided. Name it by fix_id, or give a new one as ' +
    'resolution; with neither, the only fix is meant. not_applicable: cannot be used here; wrong_match: another failure.',
  scope: 'scar:write',
  cost: 1,
  grows: true,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input,
  output: fixScoreSchema.extend({
    scar_id: z.string(),
    fix_id: z.string().optional(),
    state: z.enum(STATES),
  }),
  log: {
    scar_id: 'plain',
    outcome: 'plain',
    fix_id: 'plain',
    resolution: 'length',
    evidence: 'length',
    agent: 'plain',
    idempotency_key: 'hash',
  },
  run(args, context) {
    requireTextLimits(args);
    const scar = requireScar(context.sql, args.scar_id);
    const fix = chooseFix(args, scar, context);
    const aboutScar = args.outcome === 'wrong_match';
    const counts = aboutScar && countReport(context, scar.id, 0);
    const reported = fix === undefined || aboutScar ? fix : report(context, args, fix);
    const state = stateAfterReport(scar.state, args.outcome);
    context.sql.exec(
      'UPDATE scars SET rev = ?, state = ?, wrong_matches = wrong_matches + ? WHERE id = ?',
      context.nextRev(),
      state,
      counts ? 1 : 0,
      scar.id,
    );
    return {
      scar_id: scarIdText(scar.id),
      fix_id: reported && fixIdText(reported.id),
      state,
      ...fixScoreOf(reported),
    };
  },
});
