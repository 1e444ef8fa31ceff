import { fail, type Result, succeed } from '../result.ts';
import { deleteSessionsOfToken } from '../transport-tools/session-store.ts';
import type { Administered } from './administration.ts';
import { decidedBy } from './approvals/decision-record.ts';
import type { TokenId } from './contract/call.ts';
import type {
  CodeRedemption,
  ConsoleSession,
  Grant,
  GrantProblem,
  GrantRefusal,
  GrantRequest,
  GrantSecret,
  Issued,
  KeyedMember,
  Member,
  MemberProof,
  Person,
  RefreshRequest,
  RemovedMember,
  SignedIn,
  SignInRefusal,
} from './contract/sign-in.ts';
import type { LoadedTenant } from './loaded-tenant.ts';
import type { NewMember } from './members/members.ts';
import { conflict, full, NO_SUCH_TENANT, notFound, type Operation, UNAVAILABLE } from './operation.ts';

const NO_SUCH_MEMBER = notFound('The tenant has no such member.');

/**
 * Members of one tenant, and what they grant to clients. Each change holds for the very next request: when a grant ends,
 * its sessions and open streams end with it.
 */
export class SignIn {
  readonly #tenant: Administered;

  constructor(tenant: Administered) {
    this.#tenant = tenant;
  }

  addMember(member: NewMember): Operation<KeyedMember> {
    return this.#operate(({ members }, now) => {
      const added = members.add(member, now);
      if (added === 'full') return full('The tenant has as many members as it can have. Remove one.');
      if (added === 'taken') return conflict('Another member of the tenant has this address or subject.');
      return succeed(added);
    });
  }

  members(): Operation<Member[]> {
    return this.#operate(({ members }) => succeed(members.list()));
  }

  renewMemberKey(id: string): Operation<KeyedMember> {
    return this.#operate(({ members, grants }, now) => {
      const renewed = members.renewKey(id);
      grants.endSessions(now, id);
      return renewed === undefined ? NO_SUCH_MEMBER : succeed(renewed);
    });
  }

  /**
   * Removes a member and ends everything that the member has granted. What the member has approved and was not redeemed waits
   * for somebody else, and what stands by the member's word ends.
   * @param keepTokens whether tokens stay that the member has issued, whose texts the member may know
   */
  removeMember(id: string, keepTokens: boolean): Operation<RemovedMember> {
    return this.#operate(({ members, grants, tokens, heldCalls }, now) => {
      const issued = tokens.ofMember(id, now).map((token) => ({ id: token.id, label: token.label }));
      const removed = this.#tenant.host.db.transaction(() => {
        const member = members.remove(id);
        if (member !== undefined) heldCalls.takeBack(decidedBy(id), now);
        return member;
      });
      if (removed === undefined) return NO_SUCH_MEMBER;
      grants.endOf(id, now);
      if (!keepTokens) {
        for (const token of issued) tokens.revoke(token.id, now);
        this.#endUse(issued.map((token) => token.id));
      }
      return succeed({ member: removed, tokens: issued, keptTokens: keepTokens });
    });
  }

  grants(member?: string): Operation<Grant[]> {
    return this.#operate(({ grants }, now) => succeed(grants.list(now, member)));
  }

  withKey(member: string, secret: string): Result<SignedIn, SignInRefusal> {
    return this.#signedIn(({ members }, now) => members.withKey(member, secret, now));
  }

  /** The member who has signed in at the OpenID provider, by the names of the account there. */
  withIdentity(identities: readonly string[]): Result<SignedIn, SignInRefusal> {
    return this.#signedIn(({ members }, now) => members.withIdentity(identities, now));
  }

  /** The member of an earlier sign-in, as the tenant knows the member now. */
  signedIn(proof: MemberProof): Result<SignedIn, SignInRefusal> {
    return this.#signedIn(({ members }, now) => members.signedIn(proof, now));
  }

  /** Signs a member in to the console, with every scope that the member has now. */
  openSession(proof: MemberProof): Result<ConsoleSession, SignInRefusal> {
    const signedIn = this.signedIn(proof);
    if (!signedIn.ok) return signedIn;
    return this.#withLoaded<Result<ConsoleSession, SignInRefusal>>(fail('unavailable'), (loaded, now) => {
      const member = loaded.members.find(proof.member);
      return member === undefined ? fail('unknown_member') : succeed(loaded.grants.openSession(member, now));
    });
  }

  /** Signs a member out of the console. @returns the member; undefined when it is no session in the console */
  endSession(id: string): Person | undefined {
    return this.#withLoaded<Person | undefined>(undefined, ({ grants }, now) => grants.endSession(id, now));
  }

  /** Grants what the member has allowed, of the scopes that the member has now. */
  allow(request: GrantRequest): Result<GrantSecret, SignInRefusal | 'no_scope'> {
    const signedIn = this.signedIn(request.proof);
    if (!signedIn.ok) return signedIn;
    const scopes = signedIn.value.scopes.filter((scope) => request.scopes.includes(scope));
    if (scopes.length === 0) return fail('no_scope');
    return this.#withLoaded<Result<GrantSecret, SignInRefusal>>(fail('unavailable'), (loaded, now) => {
      const member = loaded.members.find(request.proof.member);
      return member === undefined
        ? fail('unknown_member')
        : succeed(loaded.grants.open(request, member, scopes, now));
    });
  }

  redeem(asked: CodeRedemption): Result<Issued, GrantRefusal> {
    return this.#issue(({ grants }, now) => grants.redeem(asked, now));
  }

  refresh(asked: RefreshRequest): Result<Issued, GrantRefusal> {
    return this.#issue(({ grants }, now) => grants.refresh(asked, now));
  }

  /** Ends a grant; for a client only a grant of its own. @returns undefined when there is no such grant */
  endGrant(id: string, clientDigest?: string): Grant | undefined {
    return this.#withLoaded<Grant | undefined>(undefined, ({ grants }, now) =>
      grants.end(id, now, clientDigest),
    );
  }

  #issue(
    act: (loaded: LoadedTenant, now: number) => Result<Issued, GrantProblem>,
  ): Result<Issued, GrantRefusal> {
    const loaded = this.#tenant.requireLoaded();
    if (!loaded.ok && loaded.error.reason === 'unavailable') return fail({ reason: 'unavailable' });
    // Not a word about the grant: a client that were told `invalid_grant` would forget its refresh token for good.
    if (loaded.ok && loaded.value.profile.status === 'suspended') return fail({ reason: 'suspended' });
    const issued = this.#withLoaded<Result<Issued, GrantProblem>>(fail('unknown'), act);
    return issued.ok ? issued : fail({ reason: 'invalid_grant', problem: issued.error });
  }

  #signedIn(
    find: (loaded: LoadedTenant, now: number) => SignedIn | undefined,
  ): Result<SignedIn, SignInRefusal> {
    const loaded = this.#tenant.requireLoaded();
    if (!loaded.ok) return fail(loaded.error.reason === 'unavailable' ? 'unavailable' : 'unknown_member');
    const found = find(loaded.value, this.#tenant.host.clock());
    if (found === undefined) return fail('unknown_member');
    return loaded.value.profile.status === 'suspended' ? fail('suspended') : succeed(found);
  }

  #operate<T>(act: (loaded: LoadedTenant, now: number) => Operation<T>): Operation<T> {
    const loaded = this.#tenant.requireLoaded();
    if (loaded.ok) return this.#withLoaded<Operation<T>>(UNAVAILABLE, act);
    return loaded.error.reason === 'unavailable' ? UNAVAILABLE : NO_SUCH_TENANT;
  }

  /** Runs an action, then ends the streams and sessions of the grants that it has ended. */
  #withLoaded<T>(otherwise: T, act: (loaded: LoadedTenant, now: number) => T): T {
    const loaded = this.#tenant.requireLoaded();
    if (!loaded.ok) return otherwise;
    const result = act(loaded.value, this.#tenant.host.clock());
    this.#endUse(loaded.value.grants.takeEnded());
    return result;
  }

  /** Ends what tokens have open that have ended. */
  #endUse(ended: readonly TokenId[]): void {
    const { host, waiters, listeners } = this.#tenant;
    if (ended.length > 0) waiters.touchAll();
    for (const id of ended) {
      listeners.endToken(id);
      deleteSessionsOfToken(host.db, id);
    }
  }
}
