import { DurableObject } from 'cloudflare:workers';
import type { Result } from '../result.ts';
import type {
  CodeRedemption,
  Grant,
  GrantRefusal,
  GrantRequest,
  GrantSecret,
  Issued,
  KeyedMember,
  Member,
  MemberProof,
  RefreshRequest,
  SignedIn,
  SignInRefusal,
} from './contract/sign-in.ts';
import type { NewMember } from './members/members.ts';
import type { Operation } from './operation.ts';
import type { SignIn } from './sign-in.ts';

/** The part of the tenant's Durable Object that signs members in and keeps their grants. See `SignIn` for each method. */
export class SignInObject extends DurableObject<Env> {
  readonly #signIn: () => SignIn;

  constructor(ctx: DurableObjectState, env: Env, signIn: () => SignIn) {
    super(ctx, env);
    this.#signIn = signIn;
  }

  addMember(member: NewMember): Operation<KeyedMember> {
    return this.#signIn().addMember(member);
  }

  members(): Operation<Member[]> {
    return this.#signIn().members();
  }

  renewMemberKey(id: string): Operation<KeyedMember> {
    return this.#signIn().renewMemberKey(id);
  }

  removeMember(id: string): Operation<Member> {
    return this.#signIn().removeMember(id);
  }

  grants(member?: string): Operation<Grant[]> {
    return this.#signIn().grants(member);
  }

  signInWithKey(member: string, secret: string): Result<SignedIn, SignInRefusal> {
    return this.#signIn().withKey(member, secret);
  }

  signedIn(proof: MemberProof): Result<SignedIn, SignInRefusal> {
    return this.#signIn().signedIn(proof);
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
