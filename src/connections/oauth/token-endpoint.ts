import * as z from 'zod';
import type { OAuthClient } from '../../tenant/contract/access-token.ts';
import type { HttpPlatform } from '../http/platform.ts';
import { isTransient } from '../http/retry.ts';
import { sendOnce } from '../http/send-once.ts';
import { ASSERTION_TYPE, clientAssertion } from './client-assertion.ts';
import type { Credential } from './credential.ts';

/** One request for an access token (RFC 6749, sections 4.4 and 6). It is never repeated: a refresh token may be good for one. */

/** How long a token endpoint may take, in milliseconds. */
export const TOKEN_REQUEST_MS = 10_000;
const MAX_ANSWER_CHARS = 65_536;
/** For a token whose end is not stated, and the longest that one is used, in seconds. */
const DEFAULT_LIFE_S = 300;
const MAX_LIFE_S = 86_400;
/** The errors of RFC 6749, section 5.2, and RFC 8707. Nothing else that an endpoint says is passed on. */
const ERRORS = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
] as const;

const VISIBLE = /^[\x21-\x7e]+$/;
const tokenAnswer = z.object({
  access_token: z.string().max(8000).regex(VISIBLE),
  token_type: z.string().regex(/^bearer$/i),
  // Some endpoints write it as text.
  expires_in: z.coerce.number().min(0).catch(DEFAULT_LIFE_S).optional(),
  refresh_token: z.string().min(1).max(8000).regex(VISIBLE).optional(),
});
const errorAnswer = z.object({ error: z.enum(ERRORS) });

export type TokenAnswer =
  | {
      readonly kind: 'token';
      readonly token: string;
      readonly lifeMs: number;
      readonly refresh?: string | undefined;
    }
  | { readonly kind: 'refused'; readonly error: string }
  /** Down, slow, or answering in another form. */
  | { readonly kind: 'failed'; readonly retryAfterMs: number | undefined };

/** Asks the token endpoint for an access token. Nothing is thrown. */
export async function requestAccessToken(
  platform: HttpPlatform,
  client: OAuthClient,
  credential: Credential,
): Promise<TokenAnswer> {
  const init = await requestOf(client, credential, platform.clock());
  if (init === undefined) return { kind: 'refused', error: 'invalid_client' };
  const sent = await sendOnce(
    platform,
    client.tokenUrl,
    { ...init, signal: platform.timeout(TOKEN_REQUEST_MS) },
    '',
  );
  switch (sent.kind) {
    case 'answered':
      return answerOf(sent.response.status, sent.response.text, sent.retryAfterMs);
    case 'redirected':
      return { kind: 'refused', error: 'redirect' };
    default:
      return { kind: 'failed', retryAfterMs: undefined };
  }
}

function answerOf(status: number, text: string, retryAfterMs: number | undefined): TokenAnswer {
  const body = text.length > MAX_ANSWER_CHARS ? undefined : parseJson(text);
  if (status === 200) {
    const { data } = tokenAnswer.safeParse(body);
    if (data === undefined) return { kind: 'failed', retryAfterMs };
    const lifeMs = Math.min(data.expires_in ?? DEFAULT_LIFE_S, MAX_LIFE_S) * 1000;
    return { kind: 'token', token: data.access_token, lifeMs, refresh: data.refresh_token };
  }
  if (isTransient(status) || status < 400 || status >= 500) return { kind: 'failed', retryAfterMs };
  return { kind: 'refused', error: errorAnswer.safeParse(body).data?.error ?? `status_${status}` };
}

/** @returns undefined when the private key is none */
async function requestOf(
  { grant, tokenUrl, clientId, clientAuth, keyId, scope, resource, audience }: OAuthClient,
  { client = '', refresh = '' }: Credential,
  now: number,
): Promise<RequestInit | undefined> {
  const body = new URLSearchParams({ grant_type: grant });
  const optional = {
    refresh_token: grant === 'refresh_token' ? refresh : undefined,
    scope,
    resource,
    audience,
  };
  for (const [name, value] of Object.entries(optional)) if (value !== undefined) body.set(name, value);
  const headers = new Headers({
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded',
  });
  if (clientAuth === 'client_secret_basic') headers.set('authorization', basic(clientId, client));
  else body.set('client_id', clientId);
  if (clientAuth === 'client_secret_post') body.set('client_secret', client);
  if (clientAuth === 'private_key_jwt') {
    const assertion = await clientAssertion(client, { clientId, tokenUrl, keyId, now });
    if (assertion === undefined) return undefined;
    body.set('client_assertion_type', ASSERTION_TYPE);
    body.set('client_assertion', assertion);
  }
  return { method: 'POST', headers, body: body.toString() };
}

/** Both parts are form-encoded first (RFC 6749, section 2.3.1). */
function basic(clientId: string, secret: string): string {
  const [id, password] = [clientId, secret].map((part) =>
    new URLSearchParams({ part }).toString().slice('part='.length),
  );
  return `Basic ${btoa(`${id}:${password}`)}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
