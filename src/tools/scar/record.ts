import * as z from 'zod';
import { count, idempotencyKey, optionalName, shortName, tags } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { knownFixSchema, knownFixView, tagsOf } from './answers.ts';
import { FINGERPRINT_VERSION, findExact, fingerprintOf } from './fingerprint.ts';
import { fixesOf, recommended, requireFix } from './fixes.ts';
import { noteRun } from './runs.ts';
import { reindex, searchable } from './searchable.ts';
import { CLASSES, SEVERITIES, seenAgain } from './state.ts';
import { MAX_TAGS, requireRoomForScar, type Scar, scarIdText } from './store.ts';
import { sweepScars } from './sweep.ts';
import { freeText, Redactor, requireFit } from './texts.ts';
import { VERDICTS, verdictOf } from './verdict.ts';

const input = z.strictObject({
  error_type: shortName(256).describe('The name of the error, such as TimeoutError.'),
  agent: optionalName().describe('Who reports.'),
  resolution: freeText('resolution', 'What helped, if known: a step that another agent can take.'),
  context: freeText('context', 'What was being done. Identifies the failure when there is no error_message.'),
  error_message: freeText('error_message', 'The message as it was raised.'),
  error_code: optionalName(64).describe('Such as 429 or ECONNRESET.'),
  tool: optionalName().describe('What failed: a tool, a command, a service.'),
  target: optionalName(512).describe('What it was used on: a host, a file, a table.'),
  action: freeText('action', 'What was tried, such as the command line.'),
  cause: freeText('cause', 'Why it failed, if known.'),
  class: z
    .enum(CLASSES)
    .optional()
    .describe(
      'deterministic: the same call fails again; transient: goes away; environmental: the surroundings are broken.',
    ),
  severity: z.enum(SEVERITIES).optional(),
  tags: tags(),
  project: optionalName(),
  run_id: optionalName().describe('Failures that a run repeats are counted under it.'),
  idempotency_key: idempotencyKey(),
});
type Args = z.output<typeof input>;

/** The texts of a report as they may be stored. */
function storable(args: Args) {
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
type Report = ReturnType<typeof storable>['fields'];

function insertScar(context: ToolContext, report: Report, fingerprint: string): number {
  requireRoomForScar(context.sql);
  const id = context.nextRev();
  const tags = JSON.stringify([...new Set(report.tags)]);
  const { tokens, messageWords, names } = searchable({ ...report, tags });
  context.sql.exec(
    `INSERT INTO scars (id, rev, project, tool, target, error_type, error_code, error_message, context, action, cause,
       class, severity, tags, state, occurrences, wrong_matches, principal, agent, first_seen, last_seen, tokens,
       message_words, names)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', 1, 0, ?, ?, ?, ?, ?, ?, ?)`,
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

/** Counts the occurrence and fills in what was not known before; what was, stays as it is. */
function seeAgain(context: ToolContext, scar: Scar, report: Report): Scar {
  const seen: Scar = {
    ...scar,
    occurrences: scar.occurrences + 1,
    last_seen: Math.max(scar.last_seen, context.now),
    state: seenAgain(scar.state),
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
  const learned = (['target', 'action', 'cause'] as const).some(
    (field) => scar[field] === null && report[field] !== null,
  );
  if (learned || seen.tags !== scar.tags) reindex(context.sql, scar.id);
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
    'Remembers a failure for all agents, or counts it once more when it is known (ids, times, paths and long numbers ' +
    'do not tell failures apart). Answers with `known_fix` when something helped before, and a verdict on trying the ' +
    'same again: stop means change the approach. Give `resolution` once you know what helped. Credentials are taken ' +
    'out before anything is stored.',
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
    known_fix: knownFixSchema.optional().describe('The best fix known before this call.'),
    redacted: count().describe('Credentials taken out.'),
  }),
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
    requireFit(args);
    const { sql, now } = context;
    const { fields: report, redacted } = storable(args);
    const exact = findExact(sql, args);
    const known = exact?.scar;
    const fingerprint = exact?.fingerprint ?? fingerprintOf(args);
    const scar = known && seeAgain(context, known, report);
    const id = scar?.id ?? insertScar(context, report, fingerprint);
    const fixes = scar === undefined ? [] : fixesOf(sql, [id]);
    const knownFix = recommended(fixes);
    if (report.resolution !== null) requireFix(context, id, fixes, report.resolution, report.agent);
    const runHits = report.run_id === null ? 0 : noteRun(sql, id, report.run_id, now);
    const match = scar && {
      state: scar.state,
      class: scar.class,
      occurrences: scar.occurrences,
      runHits,
      confidence: fixes[0]?.confidence ?? 0,
      lastSeen: scar.last_seen,
    };
    return {
      status: statusOf(known, scar),
      scar_id: scarIdText(id),
      fingerprint,
      occurrences: scar?.occurrences ?? 1,
      occurrences_in_run: runHits,
      verdict: verdictOf(match, now).verdict,
      known_fix: knownFix && knownFixView(knownFix, now),
      redacted,
    };
  },
});
