import type { SqlValue } from '../../tools/tool.ts';

/** One record: a call, the start or end of a remote one, or refusals that are alike. */
export interface CallRecord {
  /** When it ended, in milliseconds since the epoch. */
  readonly at: number;
  readonly tookMs: number;
  /** The part of `tookMs` in which the call waited for another one (`wait_s`). */
  readonly waitMs: number;
  /** How many refusals the record stands for; 1 for any other. */
  readonly times: number;
  readonly tool: string;
  readonly outcome: string;
  /** The answer's own status, verdict or match, from the closed list of the tool's output. */
  readonly status: string | null;
  /** Why it was refused or failed, or why an answer is not what was asked for, such as `truncated` for `rejected`. */
  readonly code: string | null;
  /** What refused the call: the bucket (`tenant`, `tool`), the quota of calls (`day`, `month`), or the scope that the token lacks. */
  readonly scope: string | null;
  readonly errorId: string | null;
  readonly retryAfterMs: number | null;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly requestId: string;
  readonly tokenId: string;
  /** The beginning of the session's id, which identifies it and cannot be used as one. */
  readonly session: string | null;
  readonly client: string | null;
  readonly clientVersion: string | null;
  readonly protocol: string | null;
  readonly transport: string;
  /** The arguments as the tool's log policy shows them. */
  readonly args: Readonly<Record<string, unknown>> | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** The revisions before and after it; equal when nothing was changed. */
  readonly revFrom: number;
  readonly revTo: number;
  /** The tokens that were charged. */
  readonly work: number;
  readonly savedMicroUsd: number;
  /** The held call that it was held as, or ran as; and who approved that. */
  readonly approval?: string | undefined;
  readonly decidedBy?: string | undefined;
}

/** A row of `records`. */
export type RecordRow = {
  id: number;
  at: number;
  took_ms: number;
  wait_ms: number;
  times: number;
  run: number;
  tool: string;
  outcome: string;
  status: string | null;
  code: string | null;
  scope: string | null;
  error_id: string | null;
  retry_after_ms: number | null;
  trace_id: string;
  span_id: string;
  parent_span_id: string | null;
  request_id: string;
  token_id: string;
  session: string | null;
  client: string | null;
  client_version: string | null;
  protocol: string | null;
  transport: string;
  args: string | null;
  bytes_in: number;
  bytes_out: number;
  rev_from: number;
  rev_to: number;
  work: number;
  saved_micro_usd: number;
  approval: string | null;
  decided_by: string | null;
  size: number;
  hash: string;
};

/** The columns that a hash covers, in its order; `size` follows from them. */
const HASHED = [
  'id',
  'at',
  'took_ms',
  'wait_ms',
  'times',
  'run',
  'tool',
  'outcome',
  'status',
  'code',
  'scope',
  'error_id',
  'retry_after_ms',
  'trace_id',
  'span_id',
  'parent_span_id',
  'request_id',
  'token_id',
  'session',
  'client',
  'client_version',
  'protocol',
  'transport',
  'args',
  'bytes_in',
  'bytes_out',
  'rev_from',
  'rev_to',
  'work',
  'saved_micro_usd',
] as const satisfies readonly (keyof RecordRow)[];
/** Columns of a later release: the hash covers them if one of them is there, so that older hashes stay what they are. */
const HASHED_IF_THERE = ['approval', 'decided_by'] as const satisfies readonly (keyof RecordRow)[];

const COLUMNS = [...HASHED, ...HASHED_IF_THERE, 'size', 'hash'] as const;
export const INSERT_RECORD = `INSERT INTO records (${COLUMNS.join(', ')})
  VALUES (${COLUMNS.map(() => '?').join(', ')})`;

/** The values of a new row, in the order of `INSERT_RECORD`. */
export const insertedValues = (row: RecordRow): SqlValue[] => COLUMNS.map((column) => row[column]);

/** A row without what its hash and size make of it. */
export type UnlinkedRow = Omit<RecordRow, 'size' | 'hash'>;

export const toRow = (record: CallRecord, id: number, run: number): UnlinkedRow => ({
  id,
  at: record.at,
  took_ms: record.tookMs,
  wait_ms: record.waitMs,
  times: record.times,
  run,
  tool: record.tool,
  outcome: record.outcome,
  status: record.status,
  code: record.code,
  scope: record.scope,
  error_id: record.errorId,
  retry_after_ms: record.retryAfterMs,
  trace_id: record.traceId,
  span_id: record.spanId,
  parent_span_id: record.parentSpanId,
  request_id: record.requestId,
  token_id: record.tokenId,
  session: record.session,
  client: record.client,
  client_version: record.clientVersion,
  protocol: record.protocol,
  transport: record.transport,
  args: record.args === null ? null : JSON.stringify(record.args),
  bytes_in: record.bytesIn,
  bytes_out: record.bytesOut,
  rev_from: record.revFrom,
  rev_to: record.revTo,
  work: record.work,
  saved_micro_usd: record.savedMicroUsd,
  approval: record.approval ?? null,
  decided_by: record.decidedBy ?? null,
});

/** The values that a hash covers. */
export function valuesOf(row: UnlinkedRow): SqlValue[] {
  const values: SqlValue[] = HASHED.map((column) => row[column]);
  // A file that an older release has exported does not have them.
  const later = HASHED_IF_THERE.map((column) => row[column] ?? null);
  return later.every((value) => value === null) ? values : [...values, ...later];
}

/** Whether a record is of a call that did what it was asked to. */
export const isOk = ({ outcome }: Pick<CallRecord, 'outcome'>) =>
  outcome === 'answer' || outcome === 'deferred';

/** Answers that tell a caller that it did not get what it wanted. */
export const SETBACKS: ReadonlySet<string> = new Set([
  'conflict',
  'claimed_by_other',
  'claim_lost',
  'held',
  'lost',
  'rejected',
  'stop',
]);

/** Whether an answer is one that an operator looks for: a conflict, a lost claim, a warning. */
export const isSetback = (status: string | null) => status !== null && SETBACKS.has(status);
