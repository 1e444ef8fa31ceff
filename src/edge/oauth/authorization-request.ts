import type { Context } from 'hono';
import * as z from 'zod';
import { fail, type Result, succeed } from '../../result.ts';
import { ALL_SCOPES, SCOPES, type Scope } from '../../tools/tool.ts';
import type { AppEnv } from '../http/isolate.ts';
import { documentsOf, documentUrlOf, isOwnHost } from './client-documents.ts';
import { type Client, isAdmitted, MAX_CLIENT_ID_CHARS, registeredClient } from './clients.ts';
import { MAX_STATE_CHARS, readParameters } from './parameters.ts';
import { countDocument } from './records.ts';
import { isRegistered, type RedirectTarget, targetOf } from './redirect-uris.ts';
import { isOwnResource } from './resource.ts';

/** What a client asks for when it sends a person to `/authorize`. */

/** A request that was checked. It is small and plain, because it is sealed into the page and comes back with the form. */
export const authorizationRequest = z.object({
  client: z.object({ id: z.string(), name: z.string(), origin: z.enum(['self', 'operator', 'document']) }),
  redirectUri: z.string(),
  state: z.string().optional(),
  challenge: z.string(),
  scopes: z.array(z.enum(ALL_SCOPES)),
  /** The browser that the page was made for. */
  browser: z.string(),
  /** Milliseconds since the epoch. */
  expiresAt: z.number(),
});
export type AuthorizationRequest = z.infer<typeof authorizationRequest>;

export interface Asked {
  readonly target: RedirectTarget;
  readonly request: Omit<AuthorizationRequest, 'browser' | 'expiresAt'>;
}

/** Where an error is reported to: only a redirect URI that is known to be the client's. */
export interface WayBack {
  readonly redirectUri: string;
  readonly state?: string | undefined;
}

export interface AuthorizationProblem {
  readonly error:
    | 'invalid_request'
    | 'invalid_client'
    | 'unauthorized_client'
    | 'unsupported_response_type'
    | 'invalid_scope'
    | 'invalid_target';
  /** For the person, who can do nothing but tell the client's makers. */
  readonly message: string;
  readonly back?: WayBack;
}

const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;

/** Checks the request in an order that never tells a client anything before the client and its redirect URI are known. */
export async function readAuthorizationRequest(
  c: Context<AppEnv>,
  sent: URLSearchParams,
): Promise<Result<Asked, AuthorizationProblem>> {
  const { config } = c.var.isolate;
  const oauth = config.oauth ?? { clients: [], redirectUris: [] };
  const read = readParameters(sent);
  if (!read.ok)
    return fail(problem('invalid_request', `The parameter ${read.error.repeated} was sent twice.`));
  const parameters = read.value;
  const found = await findClient(c, parameters.get('client_id') ?? '');
  if (!found.ok) return fail(problem('invalid_client', found.error));
  const client = found.value;
  const only = client.redirectUris.length === 1 ? client.redirectUris[0] : undefined;
  const redirectUri = parameters.get('redirect_uri') ?? only;
  const target = targetOf(redirectUri ?? '', oauth.redirectUris);
  if (redirectUri === undefined || target === undefined || !isUriOf(client, redirectUri))
    return fail(
      problem('invalid_request', 'The app asks to be sent to an address that it has not registered.'),
    );
  if (!isAdmitted(oauth, client, target))
    return fail(
      problem('unauthorized_client', 'The operator of this server does not let this app ask for access.'),
    );
  const state = parameters.get('state');
  if (state !== undefined && state.length > MAX_STATE_CHARS)
    return fail(
      problem('invalid_request', `The parameter state has more than ${MAX_STATE_CHARS} characters.`),
    );
  const checked = checkParameters(c, parameters);
  if (!checked.ok) return fail({ ...checked.error, back: { redirectUri, state } });
  const { id, name, origin } = client;
  return succeed({ target, request: { client: { id, name, origin }, redirectUri, state, ...checked.value } });
}

const UNKNOWN_CLIENT =
  'This app is not known here. It has to register again: remove the server in the app, then add it anew.';
const UNREADABLE_DOCUMENT =
  'What this app says about itself cannot be read, or is not fit for this server. Its makers can find out why.';
const TOO_MANY_DOCUMENTS = 'Too many apps have asked from your network. Wait a minute, then try again.';

/** A client that has registered, or that has a document about itself. */
async function findClient(c: Context<AppEnv>, id: string): Promise<Result<Client, string>> {
  const { isolate, arrival } = c.var;
  const url = documentUrlOf(id);
  const isTooLong = id.length > MAX_CLIENT_ID_CHARS;
  if (url === undefined || isTooLong || isOwnHost(isolate, url)) {
    const client = registeredClient(isolate.config, id);
    return client === undefined ? fail(UNKNOWN_CLIENT) : succeed(client);
  }
  const documents = documentsOf(isolate);
  const cached = documents.cached(id, arrival.receivedAt);
  if (cached === undefined && !(await countDocument(c))) return fail(TOO_MANY_DOCUMENTS);
  const client = cached === undefined ? await documents.read(url, arrival.receivedAt) : cached.client;
  return client === undefined ? fail(UNREADABLE_DOCUMENT) : succeed(client);
}

const isUriOf = ({ redirectUris }: Client, uri: string) =>
  redirectUris.some((registered) => isRegistered(registered, uri));

function checkParameters(
  c: Context<AppEnv>,
  parameters: ReadonlyMap<string, string>,
): Result<Pick<AuthorizationRequest, 'challenge' | 'scopes'>, AuthorizationProblem> {
  if (parameters.get('response_type') !== 'code')
    return fail(problem('unsupported_response_type', 'The app must ask with response_type=code.'));
  if ((parameters.get('response_mode') ?? 'query') !== 'query')
    return fail(problem('invalid_request', 'The app must ask with response_mode=query.'));
  const challenge = parameters.get('code_challenge') ?? '';
  if (parameters.get('code_challenge_method') !== 'S256' || !CHALLENGE.test(challenge))
    return fail(problem('invalid_request', 'The app must protect its request by PKCE with the method S256.'));
  const resource = parameters.get('resource');
  if (resource !== undefined && !isOwnResource(c, resource))
    return fail(problem('invalid_target', 'The app asks for access to another server than this one.'));
  const scopes = readScopes(parameters.get('scope'));
  return scopes === undefined
    ? fail(problem('invalid_scope', 'The app asks for nothing that this server has.'))
    : succeed({ challenge, scopes });
}

/**
 * The scopes that are asked for: every scope of a family without `scope`, which is how most clients ask at first contact.
 * Unknown ones beside known ones are ignored; `offline_access` asks for a refresh token, which everybody is given.
 */
function readScopes(text: string | undefined): Scope[] | undefined {
  const asked = (text ?? '').split(' ').filter((scope) => scope !== '' && scope !== 'offline_access');
  if (asked.length === 0) return [...SCOPES];
  const known = ALL_SCOPES.filter((scope) => asked.includes(scope));
  return known.length === 0 ? undefined : known;
}

const problem = (error: AuthorizationProblem['error'], message: string): AuthorizationProblem => ({
  error,
  message,
});
