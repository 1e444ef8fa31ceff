import * as z from 'zod';
import { count, idempotencyKey, optionalName, shortName, tags, withheld } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { FINGERPRINT_VERSION, findExact } from './fingerprint.ts';
import { findOrAddFix, fixesOf, recommendedFix } from './fixes.ts';
import { evidenceOfKin, findKin, kinSchema, kinView } from './kin.ts';
import { knownFixSchema, knownFixView, tagsOf } from './output.ts';
import type { Failure } from './relate-failure.ts';
import { countRunOccurrence } from './runs.ts';
import { reindex, searchable } from './searchable.ts';
import { CLASSES, SEVERITIES, stateAfterOccurrence } from './state.ts';
import { MAX_TAGS, requireScarLimit, type Scar, scarIdText } from './store.ts';
import { sweepScars } from './sweep.ts';
import { freeText, Redactor, requireTextLimits } from './texts.ts';
import { VERDICTS, verdictOf } from './verdict.ts';

const input = z.strictObject({
  error_type: shortName(256),
  agent: optionalName().describe('Your name.'),
  resolution: freeText('resolution').describe('What fixed it.'),
  context: freeText('context'),
  error_message: freeText('error_message'),
  error_code: optionalName(64),
  tool: optionalName(),
  target: optionalName(512),
  action: freeText('action').describe('Command line.'),
  cause: freeText('cause'),
  class: z.enum(CLASSES).optional(),
  severity: z.enum(SEVERITIES).optional(),
  tags: tags(),
  project: optionalName(),
  run_id: optionalName(),
  idempotency_key: idempotencyKey(),
});
type Args = z.output<typeof input>;

/** The report with credentials redacted in every text, ready to be stored. */
function redactReport(args: Args) {
  const redactor = new Redactor();
  const fields = {
    project: redactor.optional(args.project),
    tool: redactor.optional(args.tool),
    target: redactor.optional(args.target),
    error_type: redactor.text(args.error_type),
    error_code: redactor.optional(args.error_code),
    error_message: redactor.optional(args.error_message),
    context: redactor.optional(args.context),
    action: redactor.optional(args.action),
    cause: redactor.optional(args.cause),
    resolution: redactor.optional(args.resolution),
    agent: redactor.optional(args.agent),
    run_id: redactor.optional(args.run_id),
    tags: (args.tags ?? []).map((tag) => redactor.text(tag)),
    class: args.class,
    severity: args.severity,
  };
  return { fields, redacted: redactor.count };
}
type Report = ReturnType<typeof redactReport>['fields'];

const failureOf = (report: Report): Failure => ({
  project: report.project,
  tool: report.tool,
  target: report.target,
  errorType: report.error_type,
  errorCode: report.error_code,
  message: report.error_message ?? undefined,
  context: report.context ?? undefined,
});

function insertScar(context: ToolContext, report: Report, fingerprint: string): number {
  requireScarLimit(context.sql);
  const id = context.nextRev();
  const tags = JSON.stringify([...new Set(report.tags)]);
  const { tokens, messageWords, names, toolName, actionKey } = searchable({ ...report, tags });
  context.sql.exec(
    `INSERT INTO scars (id, rev, project, tool, target, error_type, error_code, error_message, context, action, cause,
       class, severity, tags, state, occurrences, wrong_matches, principal, agent, first_seen, last_seen, tokens,
       message_words, names, tool_name, action_key)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', 1, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    id,
    report.project,
    report.tool,
    report.target,
    report.error_type,
    report.error_code,
    report.error_message,
    report.context,
    report.action,
    report.cause,
    report.class ?? 'unknown',
    report.severity ?? null,
    tags,
    context.author.principal,
    report.agent,
    context.now,
    context.now,
    tokens,
    messageWords,
    names,
    toolName,
    actionKey,
  );
  context.sql.exec(
    'INSERT INTO scar_fingerprints (fingerprint, version, scar_id, origin) VALUES (?, ?, ?, ?)',
    fingerprint,
    FINGERPRINT_VERSION,
    id,
    id,
  );
  return id;
}

/** Counts one more occurrence and fills in fields that were empty. Fields that have a value keep it. */
function countOccurrence(context: ToolContext, scar: Scar, report: Report): Scar {
  const seen: Scar = {
    ...scar,
    occurrences: scar.occurrences + 1,
    last_seen: Math.max(scar.last_seen, context.now),
    state: stateAfterOccurrence(scar.state),
    class: scar.class === 'unknown' ? (report.class ?? 'unknown') : scar.class,
    tags: JSON.stringify([...new Set([...tagsOf(scar), ...report.tags])].slice(0, MAX_TAGS)),
  };
  context.sql.exec(
    `UPDATE scars SET rev = ?, occurrences = ?, last_seen = ?, state = ?, class = ?, tags = ?,
       severity = coalesce(severity, ?), target = coalesce(target, ?), action = coalesce(action, ?),
       cause = coalesce(cause, ?) WHERE id = ?`,
    context.nextRev(),
    seen.occurrences,
    seen.last_seen,
    seen.state,
    seen.class,
    seen.tags,
    report.severity ?? null,
    report.target,
    report.action,
    report.cause,
    scar.id,
  );
  const isReworded = (['target', 'action', 'cause'] as const).some(
    (field) => scar[field] === null && report[field] !== null,
  );
  if (isReworded || seen.tags !== scar.tags) reindex(context.sql, scar.id);
  return seen;
}

function statusOf(before: Scar | undefined, after: Scar | undefined): 'new' | 'seen' | 'regressed' {
  if (before === undefined) return 'new';
  return before.state === after?.state ? 'seen' : 'regressed';
}

export const scarRecord = defineTool({
  name: 'scar_record',
  title: 'Record a failure',
  description:
    'Remembers a failure for all agents, or counts it again (ids, times, paths and long numbers do not matter). Answers ' +
    'known_fix, and a verdict on retrying: stop means change the approach. Give resolution once you know what fixed it. ' +
    'Credentials are removed.',
  scope: 'scar:write',
  cost: 1,
  grows: true,
  sweep: sweepScars,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input,
  output: z.strictObject({
    status: z.enum(['new', 'seen', 'regressed']),
    scar_id: z.string(),
    fingerprint: z.string(),
    occurrences: count(),
    occurrences_in_run: count().describe('0 without run_id.'),
    verdict: z.enum(VERDICTS),
    known_fix: knownFixSchema
      .optional()
      .describe('Best fix known before this call, of similar when status is new.'),
    similar: kinSchema.optional().describe('What a new failure resembles.'),
    redacted: count().describe('Number of credentials redacted.'),
    withheld: withheld(),
  }),
  storedFields: ['known_fix', 'similar'],
  log: {
    error_type: 'plain',
    agent: 'plain',
    resolution: 'length',
    context: 'length',
    error_message: 'length',
    error_code: 'plain',
    tool: 'plain',
    target: 'plain',
    action: 'length',
    cause: 'length',
    class: 'plain',
    severity: 'plain',
    tags: 'plain',
    project: 'plain',
    run_id: 'plain',
    idempotency_key: 'hash',
  },
  run(args, context) {
    requireTextLimits(args);
    const { sql, now } = context;
    const { fields: report, redacted } = redactReport(args);
    const { scar: known, fingerprint } = findExact(sql, args);
    const kin = known === undefined ? findKin(sql, failureOf(report), report.run_id, now) : undefined;
    const scar = known && countOccurrence(context, known, report);
    const id = scar?.id ?? insertScar(context, report, fingerprint);
    const fixes = scar === undefined ? [] : fixesOf(sql, [id]);
    const knownFix = kin === undefined ? recommendedFix(fixes) : kin.fix;
    if (report.resolution !== null) findOrAddFix(context, id, fixes, report.resolution, report.agent);
    const runHits = report.run_id === null ? 0 : countRunOccurrence(sql, id, report.run_id, now);
    const ofScar = scar && {
      state: scar.state,
      class: scar.class,
      occurrences: scar.occurrences,
      runHits,
      confidence: fixes[0]?.confidence ?? 0,
      lastSeen: scar.last_seen,
    };
    const ofKin = kin && evidenceOfKin(kin, report.class, runHits, now);
    return {
      status: statusOf(known, scar),
      scar_id: scarIdText(id),
      fingerprint,
      occurrences: scar?.occurrences ?? 1,
      occurrences_in_run: runHits,
      verdict: verdictOf(ofScar ?? ofKin, now).verdict,
      known_fix: knownFix && knownFixView(knownFix, context),
      similar: kin && kinView(kin, context),
      redacted,
    };
  },
});
