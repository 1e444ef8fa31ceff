import * as z from 'zod';
import { count, limit, optionalName, shortName } from '../fields.ts';
import { defineTool } from '../tool.ts';
import { findExact, fingerprintOf } from './fingerprint.ts';
import { fixesOf, isDiscouraged, recommendedFix } from './fixes.ts';
import { findSimilar, type Match } from './match.ts';
import { fixSchema, fixView, scarSchema, scarView } from './output.ts';
import { freeText, redacted, requireTextLimits } from './texts.ts';

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
  run(args, { sql, now }) {
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
    const exact = findExact(sql, args);
    const matches: Match[] =
      exact === undefined ? findSimilar(sql, failure, now) : [{ scar: exact.scar, stage: 'fingerprint' }];
    const shown = matches.slice(0, args.limit);
    const fixes = fixesOf(
      sql,
      shown.map(({ scar }) => scar.id),
    );
    const ofScar = ({ scar }: Match) => fixes.filter((fix) => fix.scar_id === scar.id);
    const inOrder = shown.flatMap(ofScar);
    const avoid = inOrder.filter(isDiscouraged).slice(0, MAX_FIXES_SHOWN);
    const helpful = inOrder.filter((fix) => !isDiscouraged(fix)).slice(0, MAX_FIXES_SHOWN);
    const resolution = shown.map((match) => recommendedFix(ofScar(match))).find((fix) => fix !== undefined);
    return {
      match: MATCH[shown[0]?.stage ?? 'none'],
      fingerprint: exact?.fingerprint ?? fingerprintOf(args),
      resolution: resolution?.resolution ?? null,
      fixes: helpful.map((fix) => fixView(fix, now)),
      avoid: avoid.map((fix) => fixView(fix, now)),
      scars: shown.map((match) => scarView(match, ofScar(match).length, now)),
      left_out: {
        scars: matches.length - shown.length,
        fixes: inOrder.length - helpful.length - avoid.length,
      },
    };
  },
});
