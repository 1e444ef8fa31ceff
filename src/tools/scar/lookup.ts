import * as z from 'zod';
import { AnswerBudget } from '../answer-budget.ts';
import { count, limit, optionalName, shortName } from '../fields.ts';
import { defineTool } from '../tool.ts';
import { findExact } from './fingerprint.ts';
import { type Fix, fixesOf, isDiscouraged, recommendedFix } from './fixes.ts';
import { findSimilar, type Match } from './match.ts';
import { fixSchema, fixView, scarSchema, scarView } from './output.ts';
import { freeText, MAX_TEXT_BYTES, redacted, requireTextLimits } from './texts.ts';

const DEFAULT_SCARS_SHOWN = 3;
const MAX_SCARS_SHOWN = 10;
/** Applies to `fixes` and to `avoid` separately. */
const MAX_FIXES_SHOWN = 5;

const MATCH = {
  fingerprint: 'exact',
  tool_target: 'similar',
  words: 'similar',
  trigrams: 'similar',
  none: 'none',
} as const;

export const scarLookup = defineTool({
  name: 'scar_lookup',
  title: 'Look up a failure',
  description:
    'Call it when something failed, before a retry: is the failure known, and what fixed it? resolution is the fix to try (null: ' +
    'none), avoid lists what failed. exact: the same failure; similar: judge whether it fits. Then scar_resolve, or scar_record ' +
    'if it is unknown.',
  scope: 'scar:read',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    error_type: shortName(256).describe('Such as TimeoutError.'),
    agent: optionalName(),
    error_message: freeText('error_message'),
    context: freeText('context').describe('What was being done.'),
    error_code: optionalName(64),
    tool: optionalName().describe('What failed.'),
    target: optionalName(512),
    project: optionalName().describe('Default: all.'),
    limit: limit(DEFAULT_SCARS_SHOWN, MAX_SCARS_SHOWN),
  }),
  output: z.strictObject({
    match: z.enum(['exact', 'similar', 'none']),
    fingerprint: z.string(),
    resolution: z.string().nullable(),
    fixes: z.array(fixSchema),
    avoid: z.array(fixSchema),
    scars: z.array(scarSchema),
    left_out: z.strictObject({ scars: count(), fixes: count() }),
  }),
  log: {
    error_type: 'plain',
    agent: 'plain',
    error_message: 'length',
    context: 'length',
    error_code: 'plain',
    tool: 'plain',
    target: 'plain',
    project: 'plain',
    limit: 'plain',
  },
  run(args, context) {
    const { sql, now, answerBytes } = context;
    requireTextLimits(args);
    const failure = {
      project: redacted(args.project),
      tool: redacted(args.tool),
      target: redacted(args.target),
      errorType: redacted(args.error_type),
      errorCode: redacted(args.error_code),
      message: args.error_message,
      context: args.context,
    };
    const { scar: exact, fingerprint } = findExact(sql, args);
    const matches: Match[] =
      exact === undefined ? findSimilar(sql, failure, now) : [{ scar: exact, stage: 'fingerprint' }];
    const shown = matches.slice(0, args.limit);
    const fixes = fixesOf(
      sql,
      shown.map(({ scar }) => scar.id),
    );
    const ofScar = ({ scar }: Match) => fixes.filter((fix) => fix.scar_id === scar.id);
    const inOrder = shown.flatMap(ofScar);
    const resolution = shown.map((match) => recommendedFix(ofScar(match))).find((fix) => fix !== undefined);
    const budget = new AnswerBudget(answerBytes - MAX_TEXT_BYTES.resolution);
    const firstViews = (some: readonly Fix[]) =>
      budget.first(some.slice(0, MAX_FIXES_SHOWN).map((fix) => fixView(fix, context)));
    const fixViews = [...firstViews(inOrder.filter((fix) => !isDiscouraged(fix)))];
    const avoid = [...firstViews(inOrder.filter(isDiscouraged))];
    const scars = [...budget.first(shown.map((match) => scarView(match, ofScar(match).length, context)))];
    return {
      match: MATCH[shown[0]?.stage ?? 'none'],
      fingerprint,
      resolution: resolution?.resolution ?? null,
      fixes: fixViews,
      avoid,
      scars,
      left_out: {
        scars: matches.length - scars.length,
        fixes: inOrder.length - fixViews.length - avoid.length,
      },
    };
  },
});
