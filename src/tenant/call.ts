import type { TraceContext } from '../telemetry/trace.ts';
import type { ToolErrorBody } from '../tools/errors.ts';
import type { Scope } from '../tools/tool.ts';

declare const brand: unique symbol;
/** A tenant's id. Made only by `parseTenantId` and by the verification of a token. */
export type TenantId = string & { readonly [brand]: 'TenantId' };
/** The `jti` of a token. */
export type TokenId = string & { readonly [brand]: 'TokenId' };

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
  readonly tool: string;
  readonly args: unknown;
  readonly caller: CallerInfo;
}

/** Why a request gets no further than the door. */
export type Refusal =
  | { reason: 'invalid_token' }
  | { reason: 'suspended' }
  | { reason: 'insufficient_scope'; scope: Scope }
  | { reason: 'unavailable' };

export type Admission = { ok: true; scopes: Scope[] } | { ok: false; refusal: Refusal };

/** How a call ended. `json` is the structured answer as JSON text. */
export type CallOutcome =
  | { kind: 'answer'; json: string }
  | { kind: 'error'; error: ToolErrorBody }
  | { kind: 'refused'; refusal: Refusal }
  | { kind: 'unknown_tool' };

/** The one way to run a tool, whoever holds it: a stub of the Durable Object, or the compartment itself. */
export interface Door {
  admit(tokenId: TokenId): Promise<Admission> | Admission;
  call(request: CallRequest): Promise<CallOutcome> | CallOutcome;
}
