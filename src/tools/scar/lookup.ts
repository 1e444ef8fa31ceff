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
    'Finds out whether a failure is known and what helped. Call it after a failure, before trying again. `resolution` is ' +
    'the fix to try (null if none is known), `fixes` lists all fixes, `avoid` those that failed. `match: exact` is the ' +
    'same failure; `similar` shares words with it, so judge whether it fits. Report the result with scar_resolve; ' +
    'record an unknown failure with scar_record.',
  scope: 'scar:read',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    error_type: shortName(256).describe('The name of the error, such as TimeoutError.'),
    agent: optionalName().describe('Caller; does not affect the answer.'),
    error_message: freeText('error_message', 'The message as it was raised.'),
    context: freeText('context', 'What was being done. Identifies the failure if there is no error_message.'),
    error_code: optionalName(64).describe('Such as 429 or ECONNRESET.'),
    tool: optionalName().describe('The tool, command or service that failed.'),
    target: optionalName(512).describe('The host, file or table it was used on.'),
    project: optionalName().describe('Omit to search all projects.'),
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
