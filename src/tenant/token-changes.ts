import { fail, type Result, succeed } from '../result.ts';
import { TOKENS_SCOPE } from '../tools/families.ts';
import type { Administered, Administration } from './administration.ts';
import { refusedRequest } from './calls/call-record.ts';
import type { Refusal } from './contract/call.ts';
import type {
  TokenChange,
  TokenChangeFailure,
  TokenChangeRequest,
  TokenChangeResult,
} from './contract/token-change.ts';
import type { LoadedTenant } from './loaded-tenant.ts';
import { actorOf, changeLine } from './member-changes.ts';
import type { Operation } from './operation.ts';
import { changesOf, operatorRecord, operatorStateOf } from './operator-calls.ts';
import type { Token } from './storage/tokens.ts';

/**
 * Changes of the tenant's tokens by those who are in the tenant: members in their own session, and tokens with `tokens:write`.
 *
 * Nobody issues more than they hold: no other scope, no longer life. Whoever is held to single tools changes nothing. Each change
 * is a record and a log line, which name who made it.
 */
export class TokenChanges {
  readonly #tenant: Administered;
  readonly #administration: Administration;

  constructor(tenant: Administered, administration: Administration) {
    this.#tenant = tenant;
    this.#administration = administration;
  }

  change(request: TokenChangeRequest): TokenChangeResult {
    const loaded = this.#tenant.requireLoaded();
    if (!loaded.ok) return refused(loaded.error);
    const holder = this.#holder(loaded.value, request);
    if (!holder.ok) return refused(holder.error);
    const now = this.#tenant.host.clock();
    const before = operatorStateOf(loaded.value, now);
    const changed = this.#make(request.change, holder.value, loaded.value);
    this.#note(loaded.value, request, holder.value, { before, changed });
    if (!changed.ok) return fail({ kind: 'problem', ...changed.error });
    const { id, label, scopes, tools, createdAt, expiresAt, revokedAt } = changed.value;
    return succeed({ id, label, scopes, tools, createdAt, expiresAt, revokedAt });
  }

  /** The token that may make changes, or why it may not, which is recorded. */
  #holder(
    { tokens, pipeline, records }: LoadedTenant,
    { tokenId, caller }: TokenChangeRequest,
  ): Result<Token, Refusal> {
    const admitted = pipeline.admit(tokenId, undefined);
    if (!admitted.ok) return admitted;
    const { scopes: held, isGrant, justRefreshed, tools } = admitted.value;
    const now = this.#tenant.host.clock();
    const token = tokens.active(tokenId, now);
    if (token === undefined) return fail({ reason: 'invalid_token' });
    const isBarred = caller.transport === 'console' && token.person === undefined;
    if (held.includes(TOKENS_SCOPE) && tools === undefined && !isBarred) return succeed(token);
    const refusal: Refusal =
      tools === undefined
        ? { reason: 'insufficient_scope', scope: TOKENS_SCOPE, held, isGrant, justRefreshed }
        : { reason: 'tool_not_allowed', tool: 'tokens' };
    records.addRefusal(refusedRequest({ tokenId, session: undefined }, refusal.reason, pipeline.rev, now));
    return fail(refusal);
  }

  #make(change: TokenChange, holder: Token, loaded: LoadedTenant): Operation<Token> {
    switch (change.kind) {
      case 'issue':
        return this.#issue(change, holder, loaded);
      case 'narrow':
        return this.#administration.narrowToken(change.token, change);
      case 'revoke':
        return this.#administration.revokeToken(change.token);
    }
  }

  #issue(
    { label, scopes, tools, ttlMs }: Extract<TokenChange, { kind: 'issue' }>,
    holder: Token,
    { members }: LoadedTenant,
  ): Operation<Token> {
    const lacking = scopes.filter((scope) => !holder.scopes.includes(scope));
    if (lacking.length > 0)
      return fail({
        reason: 'invalid',
        message: `scopes: you do not have ${lacking.join(', ')}, so you cannot issue a token that has.`,
        field: 'scopes',
      });
    const { person } = holder;
    const endsAt = person === undefined ? holder.expiresAt : members.find(person.member)?.expiresAt;
    if (endsAt !== undefined && this.#tenant.host.clock() + ttlMs > endsAt)
      return fail({
        reason: 'invalid',
        message: `ttl_s: a token cannot live longer than who issues it, until ${new Date(endsAt).toISOString()}.`,
        field: 'ttl_s',
      });
    const issued = { label, scopes, tools, ttlMs, issuedBy: actorOf(holder), member: holder.member };
    return this.#administration.issueToken(issued);
  }

  /** One record and one log line for each change, made or not. */
  #note(
    loaded: LoadedTenant,
    { tokenId, caller, change }: TokenChangeRequest,
    holder: Token,
    { before, changed }: { before: ReturnType<typeof operatorStateOf>; changed: Operation<Token> },
  ): void {
    const { host } = this.#tenant;
    const now = host.clock();
    const code = changed.ok ? undefined : changed.error.reason;
    const { requestId, trace, receivedAt } = caller;
    const call = {
      action: actionOf(change),
      as: actorOf(holder),
      tokenId,
      before,
      code,
      requestId,
      trace,
      receivedAt,
    };
    const changes = changesOf(call, operatorStateOf(loaded, now));
    const record = operatorRecord(call, changes, loaded.pipeline.rev, now);
    loaded.records.add(record);
    loaded.records.flush();
    host.log(changeLine(loaded.profile.id, record, holder.person));
  }
}

const refused = (refusal: Refusal): Result<never, TokenChangeFailure> => fail({ kind: 'refused', refusal });

const actionOf = (change: TokenChange) =>
  change.kind === 'issue' ? 'issue token' : `${change.kind} token ${change.token}`;
