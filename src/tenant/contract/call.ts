import type { Result } from '../../result.ts';
import type { Cause } from '../../telemetry/redact.ts';
import type { TraceContext } from '../../telemetry/trace.ts';
import type { ToolErrorBody } from '../../tools/errors.ts';
import type { Scope } from '../../tools/tool.ts';
import type { ConnectionGrant, ConnectionUse } from './connection.ts';
import type { Person } from './sign-in.ts';

declare const brand: unique symbol;
/** A tenant's id. Made only by `parseTenantId` and by the verification of a token. */
export type TenantId = string & { readonly [brand]: 'TenantId' };
/** The `jti` of a token. */
export type TokenId = string & { readonly [brand]: 'TokenId' };

/** The id of an MCP session: random, and valid only together with the token that opened the session. */
export type SessionId = string & { readonly [brand]: 'SessionId' };

export const TENANT_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

export function parseTenantId(text: string): TenantId | undefined {
  return TENANT_ID.test(text) ? (text as TenantId) : undefined;
}

/** How a request arrived: Streamable HTTP, HTTP+SSE, plain HTTP, the pages of the console, or the local process. */
export type TransportName = 'mcp' | 'sse' | 'v1' | 'console' | 'stdio';

/** What a transport knows about the caller, for the log and the records. The client chooses these values: nothing here is trusted. */
export interface CallerInfo {
  readonly requestId: string;
  readonly trace: TraceContext;
  /** When the request arrived, in milliseconds since the epoch. */
  readonly receivedAt: number;
  readonly clientName: string | undefined;
  readonly clientVersion: string | undefined;
  readonly protocolVersion: string | undefined;
  readonly transport: TransportName;
}

export interface CallRequest {
  /** The verified `jti`. The tenant decides whether the token is still active. */
  readonly tokenId: TokenId;
  /** The session that the request names, if any. */
  readonly session: SessionId | undefined;
  /** Identifies the call for `cancel` while it waits or runs. */
  readonly cancelKey: string;
  readonly tool: string;
  readonly args: unknown;
  readonly caller: CallerInfo;
  /** Asks for the tenant's part of the call's trace in the answer. */
  readonly isTraced?: boolean;
  /** The call stands in a batch, in which no remote tool is run. */
  readonly isBatched?: boolean;
  /** The held call that it is, when the end of a remote tool is reported that was redeemed. */
  readonly redeems?: string;
}

/** The tenant's part of a call that was answered, for a span that its caller exports; times in milliseconds since the epoch. */
export interface TenantPart {
  readonly startMs: number;
  readonly endMs: number;
  /** How long it waited for other calls. */
  readonly waitMs: number;
  /** The revisions before and after it. */
  readonly revFrom: number;
  readonly revTo: number;
}

/** Why the tenant does not admit a request. */
export type Refusal =
  | { reason: 'invalid_token' }
  | { reason: 'suspended' }
  | {
      reason: 'insufficient_scope';
      scope: Scope;
      /** The scopes that the token has. */
      held: readonly Scope[];
      /** Whether a member has granted the token, on the page of the sign-in, and not the operator. */
      isGrant: boolean;
      /** Whether the client has just refreshed the grant, which gives no scope more. */
      justRefreshed: boolean;
    }
  /** The token, or the URL that the client has connected to, is held to other tools. */
  | { reason: 'tool_not_allowed'; tool: string }
  | { reason: 'unknown_session' }
  /** The token sends too many requests that are not charged to its tenant. Decided at the edge. */
  | { reason: 'too_many_requests'; retryAfterMs: number }
  /** The token, or the tokens of its tenant, have as many streams of calls open as they may. */
  | { reason: 'too_many_streams' }
  | { reason: 'unavailable' };

/** Requests of one token that the edge has refused itself, which are alike. */
export interface RefusalCount {
  readonly tokenId: TokenId;
  readonly code: string;
  /** undefined for requests that call no tool. */
  readonly tool: string | undefined;
  readonly times: number;
}

/** What a client has stated in its session that applies to all later requests of the session. */
export interface SessionInfo {
  /** The parameters of `initialize`, as JSON text. */
  readonly client: string;
  readonly logLevel: string | undefined;
}

/** What a transport learns about an admitted token. */
export interface Admission {
  readonly scopes: Scope[];
  /** When the token or grant ends on the tenant's list, in milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly isGrant: boolean;
  readonly justRefreshed: boolean;
  /** The tools that the token is held to; undefined for all that its scopes allow. */
  readonly tools: readonly string[] | undefined;
  /** The member who acts in person, in their own session in the console; undefined for every other token. */
  readonly person: Person | undefined;
  /** Whether calls of some tools are held until a person approves them. */
  readonly holdsCalls: boolean;
  /** The session that the request named. */
  readonly session: SessionInfo | undefined;
  /** The newest revision and the newest record, after which a stream begins that continues what is read next. */
  readonly newest: { readonly rev: number; readonly record: number };
}

/**
 * How a call ended. `answer` holds the structured answer as JSON text. `deferred` means that the tenant has admitted,
 * charged and validated the call of a remote tool at `now`, which the caller must now run with `args` and report by
 * `completeRemoteCall`.
 */
export type CallOutcome =
  | { kind: 'answer'; json: string; part?: TenantPart }
  | { kind: 'error'; error: ToolErrorBody }
  | { kind: 'refused'; refusal: Refusal }
  | { kind: 'unknown_tool' }
  | {
      kind: 'deferred';
      args: Record<string, unknown>;
      slot: string;
      tenant: TenantId;
      now: number;
      /** The connections that the tool declares and the tenant has. */
      connections: readonly ConnectionGrant[];
      /** The held call that it redeems, which is to be run in its place. */
      redeems?: { readonly id: string; readonly tool: string; readonly args: unknown };
    };

/** Why a stream was not opened: its token was refused, or the call that must come first was not answered. */
export type StreamFailure = Exclude<CallOutcome, { kind: 'answer' | 'deferred' }>;

/** How long a remote tool may run, in milliseconds, with the time in which it waits for its caller's input. */
export const REMOTE_TOOL_MS = 300_000;

/** How a remote tool ended. */
export interface RemoteCompletion {
  readonly slot: string;
  /** What became of the requests through the tenant's connections. */
  readonly uses: readonly ConnectionUse[];
  readonly error: ToolErrorBody | undefined;
  /** The size of the answer that the caller gets, and what the answer says of itself; undefined when there is none. */
  readonly answered?: { readonly bytes: number; readonly status: string | null } | undefined;
  /** The answer as JSON text, for a held call: whoever asks for it again gets it. */
  readonly answer?: string | undefined;
  /** The tool has only asked its client something, and is run again when that is answered. */
  readonly isAsking?: boolean;
  /** For the log only. */
  readonly thrown: Cause | undefined;
}

/** A message that a client POSTs and that another connection of the same client has to receive. */
export type ClientMessage =
  /** For the server that serves an HTTP+SSE stream. */
  | { readonly kind: 'posted'; readonly message: unknown }
  /** The response to a request of the server's; `key` identifies the request that waits for it. */
  | { readonly kind: 'reply'; readonly key: string; readonly message: unknown }
  | { readonly kind: 'cancel'; readonly cancelKey: string };

/**
 * The interface through which every transport calls tools. Implemented by the Durable Object's RPC stub and, in the
 * local process, by the compartment itself. No method throws an expected failure: outcomes are values.
 *
 * @example
 * ```ts
 * import type { CallHandler, CallRequest } from './call.ts';
 *
 * async function answerOf(tenant: CallHandler, request: CallRequest): Promise<string | undefined> {
 *   const outcome = await tenant.call(request);
 *   return outcome.kind === 'answer' ? outcome.json : undefined;
 * }
 * ```
 */
export interface CallHandler {
  /** Checks a token, and a session if one is named, without running a tool. */
  admit(
    tokenId: TokenId,
    session: SessionId | undefined,
  ): Promise<Result<Admission, Refusal>> | Result<Admission, Refusal>;
  call(request: CallRequest): Promise<CallOutcome> | CallOutcome;
  /** Reports the end of a remote tool: frees its slot, records and logs the call. */
  completeRemoteCall(request: CallRequest, completion: RemoteCompletion): Promise<void> | void;
  /** Stops a call that waits or runs, because its client no longer waits for the answer. */
  cancel(tokenId: TokenId, cancelKey: string): Promise<void> | void;
}
