import type { Context } from 'hono';
import * as z from 'zod';
import { readJson } from '../http/body.ts';
import type { AppEnv } from '../http/isolate.ts';
import { AUTH_METHODS, type Client, fitRedirectUris, makeClient, secretOf } from './clients.ts';
import { cleanName } from './names.ts';
import { NO_STORE, type OAuthError, refuseOAuth } from './oauth-errors.ts';
import { MAX_FORM_BYTES } from './parameters.ts';
import { record } from './records.ts';
import { MAX_REDIRECT_URIS } from './redirect-uris.ts';

/** `POST /register`: dynamic registration (RFC 7591). Nothing is stored, so there is nothing to flood. */

const metadata = z.object({
  redirect_uris: z.array(z.string()).min(1).max(MAX_REDIRECT_URIS),
  client_name: z.string().default(''),
  token_endpoint_auth_method: z.enum(AUTH_METHODS).default('client_secret_basic'),
});

export async function registerClient(c: Context<AppEnv>): Promise<Response> {
  const { config } = c.var.isolate;
  const body = await readJson(c.req.raw, MAX_FORM_BYTES);
  if (!body.ok) {
    const { status, code, message } = body.error;
    return refuseOAuth(c, { error: 'invalid_client_metadata', description: message, problem: code, status });
  }
  const sent = metadata.safeParse(body.value);
  if (!sent.success) return refuseOAuth(c, problemOf(sent.error));
  const { redirect_uris, client_name, token_endpoint_auth_method: method } = sent.data;
  const redirectUris = fitRedirectUris(redirect_uris, config.oauth ?? { redirectUris: [] });
  if (redirectUris.length === 0) return refuseOAuth(c, NO_FIT_URI);
  const client = makeClient(config, { name: cleanName(client_name), redirectUris, method, origin: 'self' });
  if (client === undefined) return refuseOAuth(c, TOO_LONG);
  record(c, 'oauth.registered', client.id);
  return Response.json(
    {
      ...clientJson(client, secretOf(config, client)),
      client_id_issued_at: Math.floor(c.var.arrival.receivedAt / 1000),
    },
    { status: 201, headers: NO_STORE },
  );
}

/** A client as RFC 7591, section 3.2.1, describes one that was registered. */
export function clientJson(client: Client, secret: string | undefined) {
  return {
    client_id: client.id,
    ...(secret === undefined ? {} : { client_secret: secret, client_secret_expires_at: 0 }),
    client_name: client.name,
    redirect_uris: client.redirectUris,
    token_endpoint_auth_method: client.method,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  };
}

function problemOf({ issues }: z.ZodError): OAuthError {
  const [issue] = issues;
  const field = String(issue?.path[0] ?? 'The body');
  return field === 'redirect_uris'
    ? { error: 'invalid_redirect_uri', description: `redirect_uris must be 1 to ${MAX_REDIRECT_URIS} URIs.` }
    : { error: 'invalid_client_metadata', description: `${field} is not valid: ${issue?.message ?? ''}.` };
}

const NO_FIT_URI: OAuthError = {
  error: 'invalid_redirect_uri',
  description:
    'None of redirect_uris can be used: each must be https, or http on localhost, 127.0.0.1 or [::1], without a fragment; the operator can allow others by OAUTH_REDIRECT_URIS.',
};
const TOO_LONG: OAuthError = {
  error: 'invalid_client_metadata',
  description: 'The redirect URIs are too long together. Register fewer or shorter ones.',
};
