import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import * as z from 'zod';
import type { Result } from '../../result.ts';
import type { ProviderConfig } from '../../sign-in-settings.ts';
import { parseTenantId, type TenantId } from '../../tenant/contract/call.ts';
import { identityTexts } from '../../tenant/contract/identity.ts';
import type { SignedIn, SignInRefusal } from '../../tenant/contract/sign-in.ts';
import { attempt } from '../http/attempt.ts';
import { notFound } from '../http/boundary.ts';
import { ownOrigin } from '../http/host.ts';
import type { AppEnv } from '../http/isolate.ts';
import { MAX_SESSION_MEMBERS, type SessionMember, saveSession, sessionOf, withMember } from './browser.ts';
import { clientOf, type Errand, errandOf, sealedErrand, stillErrand } from './errand.ts';
import { type Html, type Page, respondPage } from './page-layout.ts';
import { consentPage, PROBLEMS, problemPage, signInPage } from './pages.ts';
import { readParameters } from './parameters.ts';
import { questionOf } from './pending.ts';
import { ask, presentMembers } from './present-members.ts';
import { type Identity, type ProviderProblem, providerOf } from './provider.ts';
import { countFailure, record } from './records.ts';
import { refuse, refuseStale, refuseTooMany, respondUnavailable } from './refusal-pages.ts';
import { sealerOf } from './seal.ts';

/**
 * Signing in at the OpenID provider. The browser is sent there with the client's request, or the page of the console that the
 * person wanted, sealed into `state`, and brings it back; the code verifier and the nonce follow from that text, so nothing is stored. Nobody becomes a member by it.
 */

type Ctx = Context<AppEnv>;

export const SIGN_IN_PATH = '/oauth/sign-in';
export const CALLBACK_PATH = '/oauth/callback';

/** What `state` holds. `nonce`: random, so that no two of them have the same secrets. */
const state = z.object({ nonce: z.string(), errand: sealedErrand });

const secretsOf = (c: Ctx, sealed: string) => {
  const sealer = sealerOf(c.var.isolate.config);
  return { verifier: sealer.secretOf('code verifier', sealed), nonce: sealer.secretOf('nonce', sealed) };
};
const redirectUri = (c: Ctx) => `${ownOrigin(c)}${CALLBACK_PATH}`;

/** `GET /oauth/sign-in`: sends the browser to the provider, from the link on the page. */
export async function startAtProvider(c: Ctx): Promise<Response> {
  const { config } = c.var.isolate;
  const provider = config.oauth?.provider;
  if (provider === undefined) return notFound(c);
  const { searchParams } = new URL(c.req.url);
  const named = errandOf(c, searchParams);
  if (named === undefined) return refuseStale(c);
  const payload = { nonce: crypto.randomUUID(), errand: named.sealed } satisfies z.infer<typeof state>;
  const sealed = sealerOf(config).seal('provider', payload);
  const { verifier, nonce } = secretsOf(c, sealed);
  const url = await providerOf(provider).signInUrl(
    {
      redirectUri: redirectUri(c),
      state: sealed,
      nonce,
      challenge: createHash('sha256').update(verifier).digest('base64url'),
      isAnew: searchParams.has('anew'),
    },
    c.var.arrival.receivedAt,
  );
  if (!url.ok) return refuseSignIn(c, named.errand, url.error, provider);
  c.header('cache-control', 'no-store');
  c.header('referrer-policy', 'no-referrer');
  return c.redirect(url.value.href, 302);
}

/** `GET /oauth/callback`: the browser is back. What it brings is worth nothing in another browser. */
export async function endAtProvider(c: Ctx): Promise<Response> {
  const { config } = c.var.isolate;
  const provider = config.oauth?.provider;
  if (provider === undefined) return notFound(c);
  const read = readParameters(new URL(c.req.url).searchParams);
  if (!read.ok) return refuse(c, 'invalid_request', `The parameter ${read.error.repeated} was sent twice.`);
  const sealed = read.value.get('state') ?? '';
  const opened = sealerOf(config).open('provider', sealed, state);
  const errand = opened && stillErrand(c, opened.errand);
  if (errand === undefined) return refuseStale(c);
  const code = read.value.get('code');
  if (code === undefined || code.length > MAX_CODE_CHARS)
    return refuseSignIn(c, errand, 'provider_denied', provider);
  const identity = await providerOf(provider).identify(
    { code, iss: read.value.get('iss'), redirectUri: redirectUri(c), ...secretsOf(c, sealed) },
    c.var.arrival.receivedAt,
  );
  if (!identity.ok) return refuseSignIn(c, errand, identity.error, provider);
  return signInAs(c, errand, identity.value, provider);
}

const MAX_CODE_CHARS = 4096;

async function signInAs(
  c: Ctx,
  errand: Errand,
  identity: Identity,
  provider: ProviderConfig,
): Promise<Response> {
  const texts = identityTexts({ issuer: provider.issuer, ...identity });
  const found = await findMembers(c, texts);
  const client = clientOf(errand);
  if (found === undefined) {
    record(c, 'oauth.refused', client, { code: 'unavailable', http_status: 503 });
    return respondUnavailable(c);
  }
  if (found.members.length === 0) {
    const code = found.isSuspended ? 'suspended' : 'unknown_identity';
    record(c, 'oauth.refused', client, { code, http_status: 403 });
    if (!(await countFailure(c))) return refuseTooMany(c);
    const problem = found.isSuspended ? PROBLEMS.suspended : PROBLEMS.stranger(provider.name, identity);
    return respondPage(c, refusedPage(c, errand, { problem, status: 403, isAnew: true }));
  }
  for (const { tenant, member } of found.members) record(c, 'oauth.signed_in', client, { tenant, member });
  const members = found.members.reduceRight(withMember, sessionOf(c));
  saveSession(c, members);
  if (errand.kind === 'client')
    return respondPage(c, consentPage(questionOf(c, errand.asked), await presentMembers(c, members)));
  c.header('cache-control', 'no-store');
  return c.redirect(`/console?${new URLSearchParams({ to: errand.to })}`, 303);
}

interface Found {
  readonly members: readonly SessionMember[];
  /** Whether a tenant that knows the person is suspended. */
  readonly isSuspended: boolean;
}

/** The members that an identity is. The list says where to ask; whether it is so, only the tenant says. */
async function findMembers(c: Ctx, texts: readonly string[]): Promise<Found | undefined> {
  const named = await attempt(
    c,
    async (): Promise<string[]> =>
      c.env.REGISTRY.getByName('registry').tenantsOfIdentity([...texts], MAX_SESSION_MEMBERS),
  );
  if (named === undefined) return undefined;
  const asked = await Promise.all(
    named
      .map(parseTenantId)
      .map(async (tenant) => tenant && { tenant, result: await askAs(c, tenant, texts) }),
  );
  const answers = asked.filter((answer) => answer !== undefined);
  const members = answers.flatMap(({ tenant, result }) =>
    result.ok ? [{ tenant, ...result.value.proof }] : [],
  );
  const problems = answers.flatMap(({ result }) => (result.ok ? [] : [result.error]));
  if (members.length === 0 && problems.includes('unavailable')) return undefined;
  return { members, isSuspended: problems.includes('suspended') };
}

const askAs = (
  c: Ctx,
  tenant: TenantId,
  texts: readonly string[],
): Promise<Result<SignedIn, SignInRefusal>> =>
  ask<SignedIn, SignInRefusal>(
    async () => await c.env.TENANTS.getByName(tenant).signInWithIdentity([...texts]),
  );

/** The page to sign in on, which says what went wrong; nothing of what the provider has said is shown. */
async function refuseSignIn(
  c: Ctx,
  errand: Errand,
  code: ProviderProblem | 'provider_denied',
  { name }: ProviderConfig,
): Promise<Response> {
  const isTheirs = code === 'provider_unavailable' || code === 'provider_metadata';
  record(c, 'oauth.refused', clientOf(errand), { code, http_status: isTheirs ? 503 : 403 });
  if (!(await countFailure(c))) return refuseTooMany(c);
  const problem = isTheirs ? PROBLEMS.providerUnavailable(name) : PROBLEMS.providerRefused(name);
  return respondPage(c, refusedPage(c, errand, { problem, status: isTheirs ? 503 : 403 }));
}

interface RefusedPage {
  readonly problem: string | Html;
  readonly status: 403 | 503;
  readonly isAnew?: boolean;
}

/** The page to sign in on again, or the way back to it. */
function refusedPage(c: Ctx, errand: Errand, refused: RefusedPage): Page {
  if (errand.kind === 'client') return signInPage(questionOf(c, errand.asked), refused);
  const back = `/console?${new URLSearchParams({ to: errand.to })}`;
  return problemPage(refused.problem, refused.status, { href: back, words: 'Back to the console' });
}
