import type { Context } from 'hono';
import { fail, type Result } from '../../result.ts';
import { parseTenantId } from '../../tenant/contract/call.ts';
import type { GrantClient, GrantSecret, SignedIn, SignInRefusal } from '../../tenant/contract/sign-in.ts';
import { readForm } from '../http/body.ts';
import { ownOrigin } from '../http/host.ts';
import type { AppEnv } from '../http/isolate.ts';
import {
  type Asked,
  type AuthorizationRequest,
  authorizationRequest,
  readAuthorizationRequest,
} from './authorization-request.ts';
import {
  browserOf,
  isOwnForm,
  PAGE_MS,
  type Present,
  rememberBrowser,
  type SessionMember,
  saveSession,
  sessionOf,
  withMember,
} from './browser.ts';
import { clientDigest } from './clients.ts';
import { decodeMemberKey, type MemberKey } from './member-keys.ts';
import { respondPage } from './page-layout.ts';
import { answerUrl, consentPage, donePage, problemPage, type Question, signInPage } from './pages.ts';
import { MAX_FORM_BYTES } from './parameters.ts';
import { countFailure, record } from './records.ts';
import { targetOf } from './redirect-uris.ts';
import { isScope } from './scope-words.ts';
import { sealerOf } from './seal.ts';
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
  const asked = reopen(c, form.value.get('request') ?? '');
  if (asked === undefined)
    return refuse(
      c,
      'stale_page',
      'This page is too old, or belongs to another browser. Start again in the app.',
    );
  switch (form.value.get('action')) {
    case 'sign_in':
      return signIn(c, asked, form.value.get('key') ?? '');
    case 'allow':
      return allow(c, asked, form.value);
    case 'other_key':
      return respondPage(c, signInPage(questionOf(c, asked)));
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

interface Reopened extends Omit<Asked, 'request'> {
  readonly request: AuthorizationRequest;
}

/** The request that a page has brought back, if it was made for this browser and is young enough. */
function reopen(c: Ctx, sealed: string): Reopened | undefined {
  const { config } = c.var.isolate;
  const request = sealerOf(config).open('request', sealed, authorizationRequest);
  if (request === undefined || request.browser !== browserOf(c)) return undefined;
  if (c.var.arrival.receivedAt >= request.expiresAt) return undefined;
  const target = targetOf(request.redirectUri, config.oauth?.redirectUris ?? []);
  return target === undefined ? undefined : { target, request };
}

const questionOf = (c: Ctx, { target, request }: Reopened): Question => ({
  client: request.client,
  target,
  scopes: request.scopes,
  host: new URL(ownOrigin(c)).host,
  sealed: sealerOf(c.var.isolate.config).seal('request', request),
});

/** The members of a session that their tenants still know, in the order of the session. */
async function presentMembers(c: Ctx, members: readonly SessionMember[]): Promise<Present[]> {
  const asked = await Promise.all(
    members.map(async ({ tenant, member, keyDigest }) => {
      const result = await ask<SignedIn, SignInRefusal>(
        async () => await c.env.TENANTS.getByName(tenant).signedIn({ member, keyDigest }),
      );
      return result.ok ? [{ tenant, ...result.value }] : [];
    }),
  );
  return asked.flat();
}

/** What a tenant answers. */
async function ask<Value, Failure>(
  tenant: () => Promise<Result<Value, Failure>>,
): Promise<Result<Value, Failure | 'unavailable'>> {
  try {
    return await tenant();
  } catch {
    return fail('unavailable');
  }
}

const UNAVAILABLE = 'The server cannot reach your data now. Try again in a minute.';

async function signIn(c: Ctx, asked: Reopened, text: string): Promise<Response> {
  const key = decodeMemberKey(c.var.isolate.config, text);
  const signedIn = key === undefined ? fail('unknown_member' as const) : await signInWithKey(c, key);
  const question = questionOf(c, asked);
  if (key === undefined || !signedIn.ok) {
    const problem = signedIn.ok ? 'unknown_member' : signedIn.error;
    record(c, 'oauth.refused', asked.request.client.id, { tenant: key?.tenant, code: problem });
    if (problem === 'unavailable') return respondPage(c, problemPage(UNAVAILABLE, 503));
    if (!(await countFailure(c))) return tooMany(c);
    return respondPage(c, signInPage(question, SIGN_IN_PROBLEMS[problem]));
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

const SIGN_IN_PROBLEMS = {
  unknown_member: 'This key is not valid. Ask the operator of this server for a new one.',
  suspended: 'The tenant of this key is suspended. Ask the operator of this server.',
} as const;

async function allow(c: Ctx, asked: Reopened, form: URLSearchParams): Promise<Response> {
  const question = questionOf(c, asked);
  const [tenantName = '', member = ''] = (form.get('as') ?? '').split('/');
  const tenant = parseTenantId(tenantName);
  // Only a member as whom this browser has signed in.
  const proof = sessionOf(c).find((known) => known.tenant === tenant && known.member === member);
  if (tenant === undefined || proof === undefined)
    return respondPage(c, signInPage(question, 'You are not signed in any more. Sign in again.'));
  const scopes = form.getAll('scope').filter(isScope);
  const granted = await ask<GrantSecret, SignInRefusal | 'no_scope'>(
    async () =>
      await c.env.TENANTS.getByName(tenant).allow({
        proof: { member, keyDigest: proof.keyDigest },
        client: grantClientOf(asked),
        redirectUri: asked.request.redirectUri,
        challenge: asked.request.challenge,
        scopes: scopes.filter((scope) => asked.request.scopes.includes(scope)),
      }),
  );
  if (!granted.ok) {
    record(c, 'oauth.refused', asked.request.client.id, { tenant, member, code: granted.error });
    if (granted.error === 'unavailable') return respondPage(c, problemPage(UNAVAILABLE, 503));
    if (granted.error !== 'no_scope')
      return respondPage(c, signInPage(question, SIGN_IN_PROBLEMS[granted.error]));
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
function grantClientOf({ request: { client }, target }: Reopened): GrantClient {
  const host = client.origin === 'document' ? new URL(client.id).hostname : target.host;
  return { digest: clientDigest(client.id), name: client.name, host };
}

/** @param goTo a link for the person, never a redirect */
async function refuse(c: Ctx, code: string, message: string, goTo?: string): Promise<Response> {
  record(c, 'oauth.refused', undefined, { code, http_status: 400 });
  return (await countFailure(c)) ? respondPage(c, problemPage(message, 400, goTo)) : tooMany(c);
}

const tooMany = (c: Ctx) =>
  respondPage(
    c,
    problemPage('Too many attempts came from your network. Wait a minute, then try again.', 429),
  );
