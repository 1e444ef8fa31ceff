import type { Context } from 'hono';
import { fail, type Result, succeed } from '../../result.ts';
import { readForm } from '../http/body.ts';
import type { AppEnv } from '../http/isolate.ts';
import { type Client, clientOfRequest, isAuthenticated } from './clients.ts';
import type { OAuthError } from './oauth-errors.ts';
import { MAX_FORM_BYTES, readParameters } from './parameters.ts';

/** Who sends a request to `/token` or `/revoke` (OAuth 2.1, section 2.4). */

export interface ClientRequest {
  readonly client: Client;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Reads the form of a request and checks which client has sent it. A bearer token beside it is ignored. */
export async function readClientRequest(c: Context<AppEnv>): Promise<Result<ClientRequest, OAuthError>> {
  const form = await readForm(c.req.raw, MAX_FORM_BYTES);
  if (!form.ok) {
    const { status, code, message } = form.error;
    return fail({ error: 'invalid_request', description: message, problem: code, status });
  }
  const read = readParameters(form.value);
  if (!read.ok)
    return fail({
      error: 'invalid_request',
      description: `The parameter ${read.error.repeated} was sent twice.`,
    });
  const parameters = read.value;
  const header = c.req.header('authorization') ?? '';
  const basic = /^Basic /i.test(header) ? basicCredentials(header) : undefined;
  const id = basic?.id ?? parameters.get('client_id');
  const secret = basic?.secret ?? parameters.get('client_secret');
  const client = id === undefined ? undefined : clientOfRequest(c.var.isolate.config, id);
  const isConsistent = basic === undefined || (parameters.get('client_id') ?? basic.id) === basic.id;
  if (client === undefined || !isConsistent || !isAuthenticated(c.var.isolate.config, client, secret))
    return fail(/^Basic /i.test(header) ? { ...INVALID_CLIENT, headers: CHALLENGE } : INVALID_CLIENT);
  return succeed({ client, parameters });
}

const INVALID_CLIENT: OAuthError = {
  error: 'invalid_client',
  description: 'The client is not known here, or its secret is wrong. Register again.',
  status: 401,
};
const CHALLENGE = { 'www-authenticate': 'Basic realm="clients"' };

/** The credentials of HTTP Basic, whose parts are form-encoded first (RFC 6749, section 2.3.1). */
function basicCredentials(header: string): { id: string; secret: string } | undefined {
  const [, encoded = ''] = /^Basic +([A-Za-z0-9+/]{1,8192}={0,2}) *$/i.exec(header) ?? [];
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon === -1) return undefined;
  try {
    const [id, secret] = [text.slice(0, colon), text.slice(colon + 1)].map((part) =>
      decodeURIComponent(part.replaceAll('+', ' ')),
    );
    return id === undefined || secret === undefined ? undefined : { id, secret };
  } catch {
    return undefined;
  }
}
