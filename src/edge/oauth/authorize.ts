import type { Context } from 'hono';
import { fail } from '../../result.ts';
import { parseTenantId } from '../../tenant/contract/call.ts';
import type { GrantClient, GrantSecret, SignedIn, SignInRefusal } from '../../tenant/contract/sign-in.ts';
import { readForm } from '../http/body.ts';
import { ownOrigin } from '../http/host.ts';
import type { AppEnv } from '../http/isolate.ts';
import { isOwnForm } from '../http/origin.ts';
import { readAuthorizationRequest } from './authorization-request.ts';
import { PAGE_MS, rememberBrowser, saveSession, sessionOf, withMember } from './browser.ts';
import { clientDigest } from './clients.ts';
import { allowedBy } from './consent.ts';
import { decodeMemberKey, type MemberKey } from './member-keys.ts';
import { respondPage } from './page-layout.ts';
import { answerUrl, consentPage, donePage, PROBLEMS, signInPage } from './pages.ts';
import { MAX_FORM_BYTES } from './parameters.ts';
import { type Pending, pendingOf, questionOf } from './pending.ts';
import { ask, presentMembers } from './present-members.ts';
import { countFailure, record } from './records.ts';
import { refuse, refuseStale, refuseTooMany, respondUnavailable } from './refusal-pages.ts';
import { encodeCode } from './secrets.ts';

type Ctx = Context<AppEnv>;

/**
 * `/authorize`: the pages on which a person signs in and lets a client use a tenant.
 *
 * The tenant comes from the person: the client may ask for scopes, never for a tenant. Consent is asked every time. No
 * answer to an error is a redirect, so that nobody can use this server to send a browser elsewhere.
 */

/** `GET /authorize` */
export async function askPerson(c: Ctx): Promise<Response> {
  const asked = await readAuthorizationRequest(c, new URL(c.req.url).searchParams);
  if (!asked.ok) {
    const { error, message, back } = asked.error;
    return refuse(c, error, message, back && answerUrl(back, ownOrigin(c), { error }));
  }
  const expiresAt = c.var.arrival.receivedAt + PAGE_MS;
  const request = { ...asked.value.request, browser: rememberBrowser(c), expiresAt };
  const question = questionOf(c, { ...asked.value, request });
  const present = await presentMembers(c, sessionOf(c));
  return respondPage(c, present.length === 0 ? signInPage(question) : consentPage(question, present));
}

/** `POST /authorize`: a form of one of the pages. */
export async function hearPerson(c: Ctx): Promise<Response> {
  if (!isOwnForm(c))
    return refuse(c, 'foreign_form', 'This form was sent by a page of another site. Start again in the app.');
  const form = await readForm(c.req.raw, MAX_FORM_BYTES);
  if (!form.ok) return refuse(c, form.error.code, form.error.message);
  const asked = pendingOf(c, form.value.get('request') ?? '');
  if (asked === undefined) return refuseStale(c);
  switch (form.value.get('action')) {
    case 'sign_in':
      return signIn(c, asked, form.value.get('key') ?? '');
    case 'allow':
      return allow(c, asked, form.value);
    case 'other_key':
      return respondPage(c, signInPage(questionOf(c, asked), { isAnew: true }));
    case 'deny':
      record(c, 'oauth.denied', asked.request.client.id);
      return respondPage(
        c,
        donePage(answerUrl(asked.request, ownOrigin(c), { error: 'access_denied' }), asked.target, false),
      );
    default:
      return refuse(c, 'invalid_request', 'This form is not complete. Start again in the app.');
  }
}

async function signIn(c: Ctx, asked: Pending, text: string): Promise<Response> {
  const key = decodeMemberKey(c.var.isolate.config, text);
  const signedIn = key === undefined ? fail('unknown_member' as const) : await signInWithKey(c, key);
  const question = questionOf(c, asked);
  if (key === undefined || !signedIn.ok) {
    const problem = signedIn.ok ? 'unknown_member' : signedIn.error;
    record(c, 'oauth.refused', asked.request.client.id, { tenant: key?.tenant, code: problem });
    if (problem === 'unavailable') return respondUnavailable(c);
    if (!(await countFailure(c))) return refuseTooMany(c);
    return respondPage(c, signInPage(question, { problem: SIGN_IN_PROBLEMS[problem] }));
  }
  const member = { tenant: key.tenant, ...signedIn.value.proof };
  record(c, 'oauth.signed_in', asked.request.client.id, { tenant: key.tenant, member: member.member });
  const members = withMember(sessionOf(c), member);
  saveSession(c, members);
  const present = await presentMembers(c, members);
  return respondPage(c, consentPage(question, present));
}

const signInWithKey = (c: Ctx, { tenant, member, secret }: MemberKey) =>
  ask<SignedIn, SignInRefusal>(
    async () => await c.env.TENANTS.getByName(tenant).signInWithKey(member, secret),
  );

const SIGN_IN_PROBLEMS = { unknown_member: PROBLEMS.unknownKey, suspended: PROBLEMS.suspended } as const;

async function allow(c: Ctx, asked: Pending, form: URLSearchParams): Promise<Response> {
  const question = questionOf(c, asked);
  const [tenantName = '', member = ''] = (form.get('as') ?? '').split('/');
  const tenant = parseTenantId(tenantName);
  // Only a member as whom this browser has signed in.
  const proof = sessionOf(c).find((known) => known.tenant === tenant && known.member === member);
  if (tenant === undefined || proof === undefined)
    return respondPage(c, signInPage(question, { problem: PROBLEMS.signedOut }));
  const granted = await ask<GrantSecret, SignInRefusal | 'no_scope'>(
    async () =>
      await c.env.TENANTS.getByName(tenant).allow({
        proof: { member, keyDigest: proof.keyDigest },
        client: grantClientOf(asked),
        redirectUri: asked.request.redirectUri,
        challenge: asked.request.challenge,
        ...allowedBy(form, asked.request.scopes, c.var.isolate.tools),
      }),
  );
  if (!granted.ok) {
    record(c, 'oauth.refused', asked.request.client.id, { tenant, member, code: granted.error });
    if (granted.error === 'unavailable') return respondUnavailable(c);
    if (granted.error !== 'no_scope')
      return respondPage(c, signInPage(question, { problem: SIGN_IN_PROBLEMS[granted.error] }));
    const present = await presentMembers(c, sessionOf(c));
    return respondPage(
      c,
      consentPage(question, present, 'Tick at least one thing that the app may do, or deny.'),
    );
  }
  record(c, 'oauth.granted', asked.request.client.id, { tenant, member, token_id: granted.value.grant });
  const code = encodeCode(c.var.isolate.config, { tenant, ...granted.value }, c.var.arrival.receivedAt);
  return respondPage(c, donePage(answerUrl(asked.request, ownOrigin(c), { code }), asked.target, true));
}

/** The client by the host that is responsible for it. */
function grantClientOf({ request: { client }, target }: Pending): GrantClient {
  const host = client.origin === 'document' ? new URL(client.id).hostname : target.host;
  return { digest: clientDigest(client.id), name: client.name, host };
}
