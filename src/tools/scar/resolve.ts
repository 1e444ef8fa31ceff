import * as z from 'zod';
import { invalidInput, ToolError } from '../errors.ts';
import { idempotencyKey, optionalName, shortName } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { standingOf, standingSchema } from './answers.ts';
import { confidenceOf } from './confidence.ts';
import { type Fix, fixesOf, noteReport, requireFix } from './fixes.ts';
import { afterReport, OUTCOMES, STATES } from './state.ts';
import { fixIdText, parseFixId, requireScar, type Scar, scarIdText } from './store.ts';
import { freeText, Redactor, requireFit } from './texts.ts';

const input = z.strictObject({
  scar_id: shortName(64).describe('From scar_record or scar_lookup.'),
  outcome: z
    .enum(OUTCOMES)
    .describe('not_applicable: the fix cannot be used here; wrong_match: the scar is about another failure.'),
  fix_id: optionalName(64).describe('Which fix; may be left out when the scar has one only.'),
  resolution: freeText('resolution', 'A fix that the scar lacks, instead of fix_id; with worked or failed.'),
  evidence: freeText('evidence', 'What showed that it worked or failed.'),
  agent: optionalName().describe('Who reports.'),
  idempotency_key: idempotencyKey(),
});
type Args = z.output<typeof input>;

/** The fix that the report is about; undefined when it is about the scar itself. */
function chooseFix(args: Args, scar: Scar, context: ToolContext): Fix | undefined {
  const fixes = fixesOf(context.sql, [scar.id]);
  const redactor = new Redactor();
  const resolution = redactor.optional(args.resolution);
  if (resolution !== null) {
    if (args.fix_id !== undefined) {
      throw invalidInput('resolution', 'Give fix_id for a known fix or resolution for a new one, not both.');
    }
    if (args.outcome !== 'worked' && args.outcome !== 'failed') {
      throw invalidInput(
        'resolution',
        'A new resolution goes with outcome worked or failed only; leave it out.',
      );
    }
    return requireFix(context, scar.id, fixes, resolution, redactor.optional(args.agent));
  }
  if (args.fix_id !== undefined) return requireKnown(fixes, args.fix_id);
  if (args.outcome === 'wrong_match') return undefined;
  if (fixes.length === 1) return fixes[0];
  throw invalidInput(
    'fix_id',
    fixes.length === 0
      ? 'The scar has no fix yet; give resolution with outcome worked or failed.'
      : 'The scar has several fixes; say by fix_id which one is meant, or give a new resolution.',
    'scar_lookup answers with the fix_id of each fix.',
  );
}

function requireKnown(fixes: readonly Fix[], text: string): Fix {
  const id = parseFixId(text);
  const fix = fixes.find((candidate) => candidate.id === id);
  if (fix !== undefined) return fix;
  throw new ToolError('unknown_handle', 'The scar has no fix with this fix_id; take the id from an answer.', {
    field: 'fix_id',
    hint: 'scar_lookup answers with the fix_id of each fix.',
  });
}

/** Counts a report on a fix and returns how the fix stands then. */
function report(context: ToolContext, args: Args, fix: Fix): Fix {
  if (!noteReport(context, fix.scar_id, fix.id)) return fix;
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
    'Reports what came of a fix for a recorded failure, so that good fixes rise and bad ones are avoided. Call it ' +
    'after trying one. Name the fix by fix_id, or give a new one as resolution; with neither, the only fix of the scar ' +
    'is meant. worked resolves the scar; failed on a resolved scar reopens it as regressed. At most 5 reports an hour ' +
    'on one fix count; a fix is verified once another credential than its author reports that it worked.',
  scope: 'scar:write',
  cost: 1,
  grows: true,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input,
  output: standingSchema.extend({
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
    requireFit(args);
    const scar = requireScar(context.sql, args.scar_id);
    const fix = chooseFix(args, scar, context);
    const aboutScar = args.outcome === 'wrong_match';
    const counts = aboutScar && noteReport(context, scar.id, 0);
    const reported = fix === undefined || aboutScar ? fix : report(context, args, fix);
    const state = afterReport(scar.state, args.outcome);
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
      ...standingOf(reported),
    };
  },
});
