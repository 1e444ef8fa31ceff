import type { Context } from 'hono';
import { fail, type Result, succeed } from '../../result.ts';
import { parseTenantId, type Refusal, type TenantId } from '../../tenant/contract/call.ts';
import type {
  ConsoleSession,
  MemberProof,
  Person,
  SignedIn,
  SignInRefusal,
} from '../../tenant/contract/sign-in.ts';
import { toHttpRefusal } from '../auth/refusals.ts';
import { type Principal, verifyToken } from '../auth/tokens.ts';
import { logUnreachable } from '../http/attempt.ts';
import { clientAddress } from '../http/client-address.ts';
import { FENCED } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { logRefusal, requestFields } from '../http/refusal-log.ts';
import { forgetMember, sessionOf as signedInSession } from '../oauth/browser.ts';
import { decodeMemberKey, MEMBER_KEY_PREFIX } from '../oauth/member-keys.ts';
import { ask } from '../oauth/present-members.ts';
import { receiveForm, type SentForm } from './forms.tsx';
import { endSession, sessionOf, startSession } from './session.ts';
import { type SignInOptions, signInPage } from './sign-in-page.tsx';
import { startVisit } from './visit.ts';

/**
 * Signing in to the console and out again: as a member, whose session is a grant of its own in the tenant, or with a token of the
 * tenant, whose session is that token's.
 */

type Ctx = Context<AppEnv>;

const MAX_PATH_CHARS = 2048;

const INVALID =
  'This is not valid here, neither as a key nor as a token. Copy the whole of it, or ask the operator for a new one.';
const UNAVAILABLE = 'The tenant cannot be reached now. Try again shortly.';
const SUSPENDED = 'This tenant is suspended. Ask the operator.';

interface RefusedSignIn {
  readonly status: NonNullable<Exclude<SignInOptions['status'], 200>>;
  readonly code: string;
  readonly problem: string;
  /** The token that was refused. */
  readonly caller?: Principal;
}

/** Whom the browser is signed in as. */
interface Admitted {
  readonly principal: Principal;
  /** The member, for a session of a member. */
  readonly member: string | undefined;
}

/** `GET /console` */
export const showSignIn = (c: Ctx): Promise<Response> =>
  signInPage(c, { to: c.req.query('to')?.slice(0, MAX_PATH_CHARS) ?? '', status: 200 });

/** `POST /console` */
export async function signIn(c: Ctx): Promise<Response> {
  const form = await receiveForm(c);
  if (!form.ok) return refuse(c, { ...form.error, problem: form.error.message }, '');
  const to = form.value.typed('to');
  const admitted = await admit(c, form.value);
  if (!admitted.ok) return refuse(c, admitted.error, to);
  const { principal, member } = admitted.value;
  const before = await sessionOf(c, principal.tenant);
  await startSession(c, principal);
  if (before !== undefined) await leave(c, before);
  c.var.isolate.log({
    level: 'info',
    event: 'console.signed_in',
    tenant: principal.tenant,
    member,
    ...requestFields(c),
    token_id: principal.tokenId,
  });
  return c.redirect(ownPath(to, principal.tenant), 303);
}

function admit(c: Ctx, form: SentForm): Promise<Result<Admitted, RefusedSignIn>> {
  const isOn = c.var.isolate.config.oauth !== undefined;
  if (isOn && form.action === 'enter') return admitMember(c, form.typed('as'));
  const typed = form.typed('token').trim();
  return isOn && typed.startsWith(MEMBER_KEY_PREFIX) ? admitKey(c, typed) : admitToken(c, typed);
}

async function admitToken(c: Ctx, token: string): Promise<Result<Admitted, RefusedSignIn>> {
  const { config } = c.var.isolate;
  const principal = await verifyToken(config.tokenKeys, config.audiences, token, c.var.arrival.receivedAt);
  if (principal === undefined) return guessed(c, INVALID);
  const visit = await startVisit(c, principal);
  if (visit.ok) return succeed({ principal, member: undefined });
  if (visit.error.kind !== 'refused') throw new Error('an admission was not answered');
  const { refusal } = visit.error;
  return fail({
    status: statusOf(refusal),
    code: toHttpRefusal(c, refusal).code,
    problem: wordsOf(refusal),
    caller: principal,
  });
}

/** Words for a person, who did not send a request of their own. */
function wordsOf(refusal: Refusal): string {
  switch (refusal.reason) {
    case 'suspended':
      return SUSPENDED;
    case 'unavailable':
      return UNAVAILABLE;
    case 'too_many_requests':
      return `This token sends too many requests. Wait ${Math.ceil(refusal.retryAfterMs / 1000)} s, then sign in again.`;
    default:
      return INVALID;
  }
}

function statusOf({ reason }: Refusal): 401 | 403 | 429 | 503 {
  if (reason === 'suspended') return 403;
  if (reason === 'too_many_requests') return 429;
  return reason === 'unavailable' ? 503 : 401;
}

/** Something that proves nothing, which an address may send only so often. */
async function guessed(c: Ctx, problem: string): Promise<Result<never, RefusedSignIn>> {
  const { success } = await c.env.ANONYMOUS_FENCE.limit({ key: `console ${clientAddress(c)}` });
  return fail(
    success
      ? { status: 401, code: 'invalid_token', problem }
      : { status: 429, code: FENCED.code, problem: FENCED.message },
  );
}

const UNKNOWN_KEY = 'This key is not valid. Ask the operator for a new one.';

async function admitKey(c: Ctx, text: string): Promise<Result<Admitted, RefusedSignIn>> {
  const key = decodeMemberKey(c.var.isolate.config, text);
  if (key === undefined) return guessed(c, UNKNOWN_KEY);
  const signedIn = await ask<SignedIn, SignInRefusal>(
    async () => await c.env.TENANTS.getByName(key.tenant).signInWithKey(key.member, key.secret),
  );
  return signedIn.ok
    ? openSession(c, key.tenant, signedIn.value.proof)
    : notAdmitted(c, signedIn.error, UNKNOWN_KEY);
}

const NOT_SIGNED_IN = 'You are not signed in any more. Sign in again.';

/** @param as `tenant/member`, as whom this browser has signed in */
async function admitMember(c: Ctx, as: string): Promise<Result<Admitted, RefusedSignIn>> {
  const known = signedInSession(c).find(({ tenant, member }) => `${tenant}/${member}` === as);
  if (known === undefined) return guessed(c, NOT_SIGNED_IN);
  const { tenant, ...proof } = known;
  return openSession(c, tenant, proof);
}

async function openSession(
  c: Ctx,
  tenant: TenantId,
  proof: MemberProof,
): Promise<Result<Admitted, RefusedSignIn>> {
  const opened = await ask<ConsoleSession, SignInRefusal>(
    async () => await c.env.TENANTS.getByName(tenant).openConsoleSession(proof),
  );
  if (!opened.ok) return notAdmitted(c, opened.error, NOT_SIGNED_IN);
  const { id: tokenId, expiresAt, person } = opened.value;
  return succeed({ principal: { tenant, tokenId, expiresAt }, member: person.member });
}

async function notAdmitted(
  c: Ctx,
  refusal: SignInRefusal,
  unknown: string,
): Promise<Result<Admitted, RefusedSignIn>> {
  if (refusal === 'suspended') return fail({ status: 403, code: 'suspended', problem: SUSPENDED });
  if (refusal === 'unavailable') return fail({ status: 503, code: 'unavailable', problem: UNAVAILABLE });
  return guessed(c, unknown);
}

/** A page of the tenant that was signed in to: nobody is sent anywhere else. */
function ownPath(to: string, tenant: TenantId): string {
  const home = `/console/${tenant}`;
  const isOwn = to.length <= MAX_PATH_CHARS && to.startsWith(`${home}/`) && /^[\x21-\x7e]+$/.test(to);
  return isOwn ? to : home;
}

function refuse(c: Ctx, { status, code, problem, caller }: RefusedSignIn, to: string): Promise<Response> {
  logRefusal(c, { status, code }, { caller });
  return signInPage(c, { status, problem, to });
}

/** `POST /console/:tenant/sign-out` */
export async function signOut(c: Ctx): Promise<Response> {
  const form = await receiveForm(c);
  if (!form.ok) return refuse(c, { ...form.error, problem: form.error.message }, '');
  const tenant = parseTenantId(c.req.param('tenant') ?? '');
  if (tenant === undefined) return c.redirect('/console', 303);
  const session = await sessionOf(c, tenant);
  endSession(c, tenant);
  const person = session && (await leave(c, session));
  if (person !== undefined) forgetMember(c, tenant, person.member);
  return c.redirect('/console', 303);
}

/** Ends the session of a member; the session of a token ends with its cookie. */
async function leave(c: Ctx, { tenant, tokenId }: Principal): Promise<Person | undefined> {
  try {
    return await c.env.TENANTS.getByName(tenant).endConsoleSession(tokenId);
  } catch (cause) {
    // The browser has lost it all the same, and nobody else has it.
    logUnreachable(c, cause, tenant);
    return undefined;
  }
}

/** Asks to sign in, for a page that somebody wanted to see. */
export function askToSignIn(c: Ctx, problem?: string): Promise<Response> {
  const { pathname, search } = new URL(c.req.url);
  return signInPage(c, { to: pathname + search, ...(problem === undefined ? {} : { problem }) });
}

/**
 * The session has ended. What the script of a live page asks for leaves the cookie, so that the page itself, which is loaded next,
 * still knows that there was a session, and says that it has ended.
 */
export function askAnew(c: Ctx, tenant: TenantId): Promise<Response> {
  if ((c.req.header('sec-fetch-mode') ?? 'navigate') === 'navigate') endSession(c, tenant);
  return askToSignIn(
    c,
    `You are signed out of ${tenant}: your session has ended, or its token was revoked. Sign in again.`,
  );
}
