import * as z from 'zod';
import { sizeOfJson } from '../../json/size.ts';
import { type LogPolicies, redactArgs, redactForLog } from '../../telemetry/redact.ts';
import type { AnyTool } from '../../tools/remote-tool.ts';
import type { SessionRow } from '../../transport-tools/session-store.ts';
import type { CallOutcome, CallRequest, TenantPart } from '../contract/call.ts';
import type { CallRecord } from '../records/record.ts';
import { runKeyOf } from '../records/runs.ts';

/** The record of a call: what is said of it in the table of records and in the log. */

/** Unknown tool names are charged, recorded and logged under this name, so that guessing names is rate-limited as well. */
export const UNKNOWN_TOOL = { name: 'unknown', cost: 1 };
/** A request that calls no tool, such as one for a list, is recorded under this name when it is refused. */
export const REQUEST = 'request';

const MAX_CLIENT_CHARS = 64;
/** So much of a session's id identifies it among those of its token. */
const SESSION_CHARS = 12;
const STATUS_FIELDS = ['status', 'verdict', 'match'] as const;
const REASON_FIELD = 'reason';
const MICRO_USD = 1e6;

/** What a call turned out to be, beside its request and outcome. */
export interface CallFacts {
  readonly status: string | null;
  /** Why an answer is not what was asked for, from the closed list of the tool's output. */
  readonly reason?: string | undefined;
  readonly savedMicroUsd: number;
  /** What refused the call: a bucket. */
  readonly scope: string | null;
  readonly waitMs: number;
  readonly revFrom: number;
  readonly revTo: number;
  readonly work: number;
  readonly approval?: string | undefined;
  readonly decidedBy?: string | undefined;
  /** The size of an answer that was sent without passing through here. */
  readonly bytesOut?: number | undefined;
}

/** What an answer says of itself. */
export type AnswerFacts = Pick<CallFacts, 'status' | 'reason' | 'savedMicroUsd'>;

export const NO_ANSWER: AnswerFacts = { status: null, savedMicroUsd: 0 };

/** What was learned of a call, with the defaults of one that has changed nothing. */
export const factsWith = (rev: number, known: Partial<CallFacts>): CallFacts => ({
  ...NO_ANSWER,
  scope: null,
  waitMs: 0,
  work: 0,
  revFrom: rev,
  revTo: rev,
  ...known,
});

/** The values of the closed lists in which a tool's answer says how it went, and why. */
interface Vocabulary {
  readonly statuses: ReadonlySet<unknown>;
  readonly reasons: ReadonlySet<unknown>;
}
const vocabularies = new WeakMap<AnyTool, Vocabulary>();

function vocabularyOf(tool: AnyTool): Vocabulary {
  const known = vocabularies.get(tool);
  if (known !== undefined) return known;
  const optionsOf = (field: string) => {
    const schema: unknown = tool.output.shape[field];
    const list = schema instanceof z.ZodOptional ? schema.unwrap() : schema;
    return list instanceof z.ZodEnum ? list.options : [];
  };
  const vocabulary = {
    statuses: new Set(STATUS_FIELDS.flatMap(optionsOf)),
    reasons: new Set(optionsOf(REASON_FIELD)),
  };
  vocabularies.set(tool, vocabulary);
  return vocabulary;
}

/** The status of an answer, its reason, and what a cached answer has saved. */
export function factsOf(tool: AnyTool, answer: object): AnswerFacts {
  const { statuses, reasons } = vocabularyOf(tool);
  const field = STATUS_FIELDS.find((name) => statuses.has(Reflect.get(answer, name)));
  const reason: unknown = Reflect.get(answer, REASON_FIELD);
  const saved: unknown = Reflect.get(answer, 'saved');
  const usd: unknown = typeof saved === 'object' && saved !== null ? Reflect.get(saved, 'usd') : undefined;
  return {
    status: field === undefined ? null : String(Reflect.get(answer, field)),
    reason: reasons.has(reason) ? String(reason) : undefined,
    savedMicroUsd: typeof usd === 'number' ? Math.round(usd * MICRO_USD) : 0,
  };
}

const argsOf = (request: CallRequest, tool: AnyTool | undefined) =>
  tool === undefined
    ? { name: redactArgs(request, { tool: 'plain' } satisfies LogPolicies).tool }
    : redactArgs(request.args, tool.log);

const shown = (text: string | undefined) =>
  text === undefined ? null : redactForLog(text, MAX_CLIENT_CHARS);

/** The beginning of the session's id that records show. */
const sessionOf = ({ session }: Pick<CallRequest, 'session'>) => session?.slice(0, SESSION_CHARS) ?? null;

/** The key of the run that a call belongs to. */
export const runKeyOfRequest = (request: CallRequest) =>
  runKeyOf({
    traceId: request.caller.trace.traceId,
    parentSpanId: request.caller.trace.parentSpanId ?? null,
    tokenId: request.tokenId,
    session: sessionOf(request),
    client: shown(request.caller.clientName),
    transport: request.caller.transport,
    tool: request.tool,
  });

/** @param now when the call ended, in milliseconds since the epoch */
export function recordOf(
  request: CallRequest,
  tool: AnyTool | undefined,
  outcome: CallOutcome,
  facts: CallFacts,
  now: number,
): CallRecord {
  const { caller } = request;
  const error = outcome.kind === 'error' ? outcome.error : undefined;
  const refusal = outcome.kind === 'refused' ? outcome.refusal : undefined;
  return {
    ...facts,
    at: now,
    tookMs: Math.max(0, now - caller.receivedAt),
    times: 1,
    tool: tool?.name ?? UNKNOWN_TOOL.name,
    outcome: outcome.kind,
    code: refusal?.reason ?? error?.code ?? facts.reason ?? null,
    scope: refusal?.reason === 'insufficient_scope' ? refusal.scope : facts.scope,
    errorId: error?.error_id ?? null,
    retryAfterMs: error?.retry_after_ms ?? null,
    traceId: caller.trace.traceId,
    spanId: caller.trace.spanId,
    parentSpanId: caller.trace.parentSpanId ?? null,
    requestId: caller.requestId,
    tokenId: request.tokenId,
    session: sessionOf(request),
    client: shown(caller.clientName),
    clientVersion: shown(caller.clientVersion),
    protocol: shown(caller.protocolVersion),
    transport: caller.transport,
    args: argsOf(request, tool),
    bytesIn: sizeOfJson(request.args),
    bytesOut: outcome.kind === 'answer' ? (facts.bytesOut ?? outcome.json.length) : 0,
  };
}

/** The tenant's part of a call. Time does not pass in it but while it waits. */
export const partOf = ({ at, waitMs, revFrom, revTo }: CallRecord): TenantPart => ({
  startMs: at - waitMs,
  endMs: at,
  waitMs,
  revFrom,
  revTo,
});

/** The record of a request that called no tool and was refused. */
export function refusedRequest(
  { tokenId, session }: Pick<CallRequest, 'tokenId' | 'session'>,
  code: string,
  rev: number,
  now: number,
): CallRecord {
  return {
    at: now,
    tookMs: 0,
    waitMs: 0,
    times: 1,
    tool: REQUEST,
    outcome: 'refused',
    ...NO_ANSWER,
    code,
    scope: null,
    errorId: null,
    retryAfterMs: null,
    traceId: '',
    spanId: '',
    parentSpanId: null,
    requestId: '',
    tokenId,
    session: session?.slice(0, SESSION_CHARS) ?? null,
    client: null,
    clientVersion: null,
    protocol: null,
    transport: 'unknown',
    args: null,
    bytesIn: 0,
    bytesOut: 0,
    revFrom: rev,
    revTo: rev,
    work: 0,
  };
}

/** The call with the client name that was given when the session was opened. */
export function withClientName(request: CallRequest, session: SessionRow): CallRequest {
  const { caller } = request;
  const clientName = caller.clientName ?? session.client_name ?? undefined;
  const clientVersion = caller.clientVersion ?? session.client_version ?? undefined;
  return { ...request, caller: { ...caller, clientName, clientVersion } };
}
