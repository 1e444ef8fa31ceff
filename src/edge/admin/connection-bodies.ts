import { endpointProblem, parseDestination } from '../../connections/http/destination.ts';
import { importSigningKey } from '../../connections/oauth/client-assertion.ts';
import { type Credential, credentialText } from '../../connections/oauth/credential.ts';
import { clientOf, credentialOf, credentialProblem } from '../../connections/oauth/settings.ts';
import type { OAuthClient } from '../../tenant/contract/access-token.ts';
import { HEADER_OF_TOKENS, type HttpTarget } from '../../tenant/contract/connection.ts';
import type { NewHttpConnection } from './connection-schemas.ts';
import { AdminRefusal, type Ctx } from './refusals.ts';

/** What is sent to set up a connection or to change its secret: what it must be besides its form. */

const invalid = (field: string, problem: string) =>
  new AdminRefusal(400, 'invalid_input', `${field}: ${problem}`, field);

/** Where a new connection leads, and its secret as one text. @throws AdminRefusal */
export async function httpConnectionOf(
  c: Ctx,
  asked: NewHttpConnection,
  isOperator: boolean,
): Promise<{ readonly target: HttpTarget; readonly secret: string }> {
  const { kind, url, header, secret, oauth, allow_internal: internal } = asked;
  const field = 'allow_internal';
  if (internal && !isOperator)
    throw new AdminRefusal(
      403,
      'forbidden',
      `${field}: only the operator can allow an address that is not public.`,
      field,
    );
  const { policy } = c.var.isolate.connections;
  const destination = parseDestination(url, internal, policy);
  if (!destination.ok) throw invalid('url', `${destination.error}.`);
  const leads = { kind, url: destination.value, internal };
  if (oauth === undefined) {
    if (header === undefined) throw invalid('header', 'is missing; give it with secret, or give oauth.');
    if (secret === undefined) throw invalid('secret', 'is missing; it is the value of the header.');
    return { target: { ...leads, header }, secret };
  }
  if (header !== undefined)
    throw invalid('header', `must be left out with oauth: it is ${HEADER_OF_TOKENS}.`);
  if (secret !== undefined) throw invalid('secret', 'must be left out with oauth, which has client_secret.');
  const problem = endpointProblem(oauth.token_url, internal, policy);
  if (problem !== undefined) throw invalid('oauth.token_url', `${problem}.`);
  const client = clientOf(oauth);
  const credential = credentialOf(oauth);
  await requireFit(client, credential, 'oauth.');
  return {
    target: { ...leads, header: HEADER_OF_TOKENS, oauth: client },
    secret: credentialText(credential),
  };
}

/** @throws AdminRefusal when a credential has not what its client needs, or more */
export async function requireFit(client: OAuthClient, credential: Credential, path = ''): Promise<void> {
  const wrong = credentialProblem(client, credential);
  if (wrong !== undefined) throw invalid(`${path}${wrong.field}`, `${wrong.problem}.`);
  if (client.clientAuth !== 'private_key_jwt' || credential.client === undefined) return;
  if ((await importSigningKey(credential.client)) === undefined)
    throw invalid(
      `${path}client_secret`,
      'must be a private key in PKCS #8 and PEM: RSA, P-256, P-384 or Ed25519.',
    );
}

/** What is shown of a credential by OAuth. */
export const oauthJson = (client: OAuthClient) => ({
  grant: client.grant,
  token_url: client.tokenUrl,
  client_id: client.clientId,
  client_auth: client.clientAuth,
  key_id: client.keyId,
  scope: client.scope,
  resource: client.resource,
  audience: client.audience,
});
