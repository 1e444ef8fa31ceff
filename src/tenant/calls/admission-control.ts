import { fail, type Result, succeed } from '../../result.ts';
import type { AnyTool } from '../../tools/remote-tool.ts';
import { tenantApproval } from '../../tools/tenant/approval.ts';
import { coveredBy } from '../../transport-tools/covered-by.ts';
import { findSession, recordSessionUse, type SessionRow } from '../../transport-tools/session-store.ts';
import type { CallRequest, Refusal, TokenId } from '../contract/call.ts';
import type { Token } from '../storage/tokens.ts';
import type { NotCharged } from './outcomes.ts';
import type { PipelineParts } from './pipeline-parts.ts';

/** A client that refreshes in answer to a refusal repeats the call at once. */
export const JUST_REFRESHED_MS = 10_000;

/** Whether the client of a token has refreshed it so lately that this call may be its repeat. */
export const wasJustRefreshed = ({ refreshedAt }: Token, now: number) =>
  refreshedAt !== undefined && now - refreshedAt < JUST_REFRESHED_MS;

/** Decides which calls may run: by their token, its scopes and tools, their session, and what limits and quotas have left. */
export class AdmissionControl {
  readonly #parts: PipelineParts;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
  }

  /** Charges the price that is known before the call runs, and counts the call. A free call is neither. */
  charge({ name }: Pick<AnyTool, 'name'>, cost: number, token: TokenId, now: number): NotCharged | undefined {
    if (cost === 0) return undefined;
    const { limiter, callQuota, monotonic } = this.#parts;
    const usedUp = callQuota.usedUp(now);
    if (usedUp !== undefined) return usedUp;
    const charged = limiter.charge({ name, cost }, token, monotonic());
    if (!charged.ok) return charged.error;
    callQuota.count(now);
    return undefined;
  }

  /** The session that a call names; `unknown` when it does not exist or belongs to another token. */
  sessionOf({ tokenId, session: id }: Pick<CallRequest, 'tokenId' | 'session'>, now: number) {
    if (id === undefined) return undefined;
    return findSession(this.#parts.db, id, tokenId, now) ?? 'unknown';
  }

  /** The tool that a token must be allowed for a call of this one; undefined when every token may make it. */
  #allowedAs(tool: AnyTool): string | undefined {
    // It runs what was held for the same token, which is checked then.
    if (tool.name === tenantApproval.name) return undefined;
    if (this.#parts.catalogue.tools.some(({ name }) => name === tool.name)) return tool.name;
    return coveredBy(tool);
  }

  /** Whether a token, and the session that it names, may call a tool now; any tool if none is named. */
  admit(
    tokenId: TokenId,
    session: SessionRow | 'unknown' | undefined,
    tool: AnyTool | undefined,
    now: number,
  ): Result<Token, Refusal> {
    const scope = tool?.scope ?? 'any';
    const token = this.#parts.tokens.active(tokenId, now);
    if (token === undefined) return fail({ reason: 'invalid_token' });
    if (this.#parts.profile.status === 'suspended') return fail({ reason: 'suspended' });
    if (scope !== 'any' && !token.scopes.includes(scope)) {
      const { scopes: held, isGrant } = token;
      const justRefreshed = wasJustRefreshed(token, now);
      return fail({ reason: 'insufficient_scope', scope, held, isGrant, justRefreshed });
    }
    const needed = tool === undefined || token.tools === undefined ? undefined : this.#allowedAs(tool);
    if (needed !== undefined && token.tools?.includes(needed) === false)
      return fail({ reason: 'tool_not_allowed', tool: needed });
    if (session === 'unknown') return fail({ reason: 'unknown_session' });
    if (session !== undefined) recordSessionUse(this.#parts.db, session, now);
    return succeed(token);
  }
}
