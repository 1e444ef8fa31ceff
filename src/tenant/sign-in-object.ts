import { DurableObject } from 'cloudflare:workers';
import type { Result } from '../result.ts';
import type {
  CodeRedemption,
  ConsoleSession,
  Grant,
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
import type { NewMember } from './members/members.ts';
import type { Operation } from './operation.ts';
import type { SignIn } from './sign-in.ts';

/** The part of the tenant's Durable Object that signs members in and keeps their grants. See `SignIn` for each method. */
export class SignInObject extends DurableObject<Env> {
  readonly #signIn: () => SignIn;
  readonly #report: () => Promise<void>;

  /** @param report tells the list of tenants under which accounts members sign in */
  constructor(ctx: DurableObjectState, env: Env, signIn: () => SignIn, report: () => Promise<void>) {
    super(ctx, env);
    this.#signIn = signIn;
    this.#report = report;
  }

  async addMember(member: NewMember): Promise<Operation<KeyedMember>> {
    const added = this.#signIn().addMember(member);
    if (added.ok && added.value.member.identity !== undefined) await this.#report();
    return added;
  }

  members(): Operation<Member[]> {
    return this.#signIn().members();
  }

  renewMemberKey(id: string): Operation<KeyedMember> {
    return this.#signIn().renewMemberKey(id);
  }

  /** Holds from this moment on, whether or not the list of tenants can be told. */
  async removeMember(id: string, keepTokens: boolean): Promise<Operation<RemovedMember>> {
    const removed = this.#signIn().removeMember(id, keepTokens);
    if (removed.ok && removed.value.member.identity !== undefined) await this.#report();
    return removed;
  }

  grants(member?: string): Operation<Grant[]> {
    return this.#signIn().grants(member);
  }

  signInWithKey(member: string, secret: string): Result<SignedIn, SignInRefusal> {
    return this.#signIn().withKey(member, secret);
  }

  signInWithIdentity(identities: readonly string[]): Result<SignedIn, SignInRefusal> {
    return this.#signIn().withIdentity(identities);
  }

  signedIn(proof: MemberProof): Result<SignedIn, SignInRefusal> {
    return this.#signIn().signedIn(proof);
  }

  openConsoleSession(proof: MemberProof): Result<ConsoleSession, SignInRefusal> {
    return this.#signIn().openSession(proof);
  }

  endConsoleSession(id: string): Person | undefined {
    return this.#signIn().endSession(id);
  }

  allow(request: GrantRequest): Result<GrantSecret, SignInRefusal | 'no_scope'> {
    return this.#signIn().allow(request);
  }

  redeem(asked: CodeRedemption): Result<Issued, GrantRefusal> {
    return this.#signIn().redeem(asked);
  }

  refreshGrant(asked: RefreshRequest): Result<Issued, GrantRefusal> {
    return this.#signIn().refresh(asked);
  }

  endGrant(id: string, clientDigest: string): Grant | undefined {
    return this.#signIn().endGrant(id, clientDigest);
  }
}
