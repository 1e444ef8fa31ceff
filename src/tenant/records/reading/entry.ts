import * as z from 'zod';
import { redactForLog } from '../../../telemetry/redact.ts';
import { count } from '../../../tools/fields.ts';
import type { Sql } from '../../../tools/tool.ts';
import type { RecordRow } from '../record.ts';
import { changeSchema, changesOf } from './changes.ts';

/** A record as it is shown: without the fields that say nothing, and with what the call changed. */

const MICRO_USD = 1e6;
const MAX_LABEL_CHARS = 64;

export const OUTCOMES = ['answer', 'error', 'refused', 'started'] as const;
export type Outcome = (typeof OUTCOMES)[number];

const optionalText = () => z.string().optional();

export const entrySchema = z.strictObject({
  id: z.int().describe('Ids are the order in which calls ended, without gaps.'),
  at: z.iso.datetime().describe('When it ended.'),
  took_ms: count(),
  wait_ms: count().optional().describe('The part of took_ms in which it waited for another call.'),
  times: count().describe('How many refusals that are alike the record stands for; 1 for a call.'),
  run: z.int().describe('The first record of its run; 0 for records of an older release.'),
  tool: z.string(),
  outcome: z
    .enum(OUTCOMES)
    .describe('`started` is the beginning of a remote call, whose end is another record.'),
  status: optionalText().describe('What the answer said of itself, such as `conflict`.'),
  code: optionalText().describe(
    'Why it was refused, failed, or answered otherwise than was asked, such as `truncated` for `rejected`.',
  ),
  scope: optionalText().describe('What refused it: a bucket, or the scope that the token lacks.'),
  error_id: optionalText().describe('Finds the cause in the log.'),
  retry_after_ms: count().optional().describe('How long the caller was told to wait.'),
  trace_id: optionalText(),
  span_id: optionalText(),
  parent_span_id: optionalText(),
  request_id: optionalText(),
  token_id: z.string(),
  token_label: optionalText(),
  session: optionalText().describe('The beginning of the id of the session.'),
  client: optionalText().describe('What the client calls itself, which nothing proves.'),
  client_version: optionalText(),
  protocol: optionalText(),
  transport: z.string(),
  by: optionalText().describe('What the agent calls itself, which nothing proves.'),
  args: z.record(z.string(), z.unknown()).optional().describe('The arguments, redacted as in the log.'),
  bytes_in: count(),
  bytes_out: count(),
  rev_from: z.int(),
  rev_to: z.int().describe('The call made the revisions after rev_from, up to this one.'),
  changes: z.array(changeSchema).optional().describe('The first 100 of its changes.'),
  work: count().describe('The tokens that were charged.'),
  saved_usd: z.number().optional().describe('What a cached answer has saved.'),
  approval: optionalText().describe('The held call that it was held as, or ran as.'),
  decided_by: optionalText().describe('Who has approved that, or refused it.'),
});
export type Entry = z.infer<typeof entrySchema>;

/** How a record ended, with every refusal under one word: a bucket without tokens is an error to its caller. */
export function outcomeOf({ outcome, scope }: Pick<RecordRow, 'outcome' | 'scope'>): Outcome {
  if (outcome === 'answer') return 'answer';
  if (outcome === 'deferred') return 'started';
  return outcome === 'error' && scope === null ? 'error' : 'refused';
}

const given = (text: string | null) => (text === null || text === '' ? undefined : text);

const labels = (sql: Sql, token: string) =>
  sql.exec<{ label: string }>(
    'SELECT label FROM tokens WHERE id = ?1 UNION ALL SELECT client_name FROM grants WHERE id = ?1',
    token,
  );

/** The records as they are shown. */
export function entriesOf(sql: Sql, rows: readonly RecordRow[]): Entry[] {
  const labelOf = new Map<string, string | undefined>();
  for (const { token_id: token } of rows)
    if (!labelOf.has(token))
      labelOf.set(token, redactForLog(labels(sql, token)[0]?.label ?? '', MAX_LABEL_CHARS) || undefined);
  return rows.map((row) => entryOf(sql, row, labelOf.get(row.token_id)));
}

function entryOf(sql: Sql, row: RecordRow, label: string | undefined): Entry {
  const args = row.args === null ? undefined : argsOf(row.args);
  const changes = changesOf(sql, row);
  return {
    id: row.id,
    at: new Date(row.at).toISOString(),
    took_ms: row.took_ms,
    wait_ms: row.wait_ms || undefined,
    times: row.times,
    run: row.run,
    tool: row.tool,
    outcome: outcomeOf(row),
    status: given(row.status),
    code: given(row.code) ?? (row.outcome === 'unknown_tool' ? 'unknown_tool' : undefined),
    scope: given(row.scope),
    error_id: given(row.error_id),
    retry_after_ms: row.retry_after_ms ?? undefined,
    trace_id: given(row.trace_id),
    span_id: given(row.span_id),
    parent_span_id: given(row.parent_span_id),
    request_id: given(row.request_id),
    token_id: row.token_id,
    token_label: label,
    session: given(row.session),
    client: given(row.client),
    client_version: given(row.client_version),
    protocol: given(row.protocol),
    transport: row.transport,
    by: authorOf(args) ?? changes[0]?.by,
    args,
    bytes_in: row.bytes_in,
    bytes_out: row.bytes_out,
    rev_from: row.rev_from,
    rev_to: row.rev_to,
    changes: changes.length === 0 ? undefined : changes,
    work: row.work,
    saved_usd: row.saved_micro_usd === 0 ? undefined : row.saved_micro_usd / MICRO_USD,
    approval: given(row.approval),
    decided_by: given(row.decided_by),
  };
}

/** Somebody may have written into the table, and the rest of the records must stay readable. */
function argsOf(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return { unreadable: true };
  }
}

function authorOf(args: Record<string, unknown> | undefined): string | undefined {
  const named = args?.by ?? args?.agent;
  return typeof named === 'string' && named !== '' ? named : undefined;
}
