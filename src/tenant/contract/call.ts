import type { Cause } from '../../telemetry/redact.ts';
import type { TraceContext } from '../../telemetry/trace.ts';
import type { ToolErrorBody } from '../../tools/errors.ts';
import type { Scope } from '../../tools/tool.ts';

declare const brand: unique symbol;
/** A tenant's id. Made only by `parseTenantId` and by the verification of a token. */
export type TenantId = string & { readonly [brand]: 'TenantId' };
/** The `jti` of a token. */
export type TokenId = string & { readonly [brand]: 'TokenId' };

/** A session of a client's. Chosen at random, and good only together with the token that opened it. */
export type SessionId = string & { readonly [brand]: 'SessionId' };

export const TENANT_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

export function parseTenantId(text: string): TenantId | undefined {
  return TENANT_ID.test(text) ? (text as TenantId) : undefined;
}

/** What a transport knows about the caller, for the log: nothing here is trusted. */
export interface CallerInfo {
  readonly requestId: string;
  readonly trace: TraceContext;
  /** When the request arrived, in milliseconds since the epoch. */
  readonly receivedAt: number;
  readonly clientName: string | undefined;
  readonly clientVersion: string | undefined;
  readonly protocolVersion: string | undefined;
}

export interface CallRequest {
  /** The verified `jti`: whether it is still good is for the tenant to say. */
  readonly tokenId: TokenId;
  /** The session that the caller names, if it names one. */
  readonly session: SessionId | undefined;
  /** By which `cancel` finds the call while it waits or runs. */
  readonly cancelKey: string;
  readonly tool: string;
  readonly args: unknown;
  readonly caller: CallerInfo;
}

/** Why a request gets no further than the door. */
export type Refusal =
  | { reason: 'invalid_token' }
  | { reason: 'suspended' }
  | { reason: 'insufficient_scope'; scope: Scope }
  | { reason: 'unknown_session' }
  | { reason: 'unavailable' };

/** What a client has said in its session that holds for all of its requests. */
export interface SessionInfo {
  /** What it said of itself when it opened it, as JSON text: the parameters of `initialize`. */
  readonly client: string;
  readonly logLevel: string | undefined;
}

export type Admission =
  | {
      ok: true;
      scopes: Scope[];
      /** The session that was named. */
      session: SessionInfo | undefined;
    }
  | { ok: false; refusal: Refusal };

/** How a call ended. `json` is the structured answer as JSON text; `edge` leaves a tool to be run with these arguments, and to be settled. */
export type CallOutcome =
  | { kind: 'answer'; json: string }
  | { kind: 'error'; error: ToolErrorBody }
  | { kind: 'refused'; refusal: Refusal }
  | { kind: 'unknown_tool' }
  | { kind: 'deferred'; args: Record<string, unknown>; slot: string };

/** How a tool at the edge ended; `thrown` is for the log only. */
export interface Settlement {
  readonly slot: string;
  readonly error: ToolErrorBody | undefined;
  readonly thrown: Cause | undefined;
}

/** The one way to run a tool, whoever holds it: a stub of the Durable Object, or the compartment itself. */
export interface Door {
  admit(tokenId: TokenId, session: SessionId | undefined): Promise<Admission> | Admission;
  call(request: CallRequest): Promise<CallOutcome> | CallOutcome;
  /** Reports the end of a tool that ran at the edge. */
  settle(request: CallRequest, settlement: Settlement): Promise<void> | void;
  /** Lets a call wait or run no longer, for nobody waits for its answer. */
  cancel(tokenId: TokenId, cancelKey: string): Promise<void> | void;
}

/** Whether a message found someone who waits for it. */
export type Delivery = { ok: true; delivered: boolean } | { ok: false; refusal: Refusal };
