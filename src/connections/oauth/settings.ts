import * as z from 'zod';
import {
  CLIENT_AUTHENTICATIONS,
  OAUTH_GRANTS,
  type OAuthClient,
} from '../../tenant/contract/access-token.ts';
import { MAX_URL_CHARS } from '../http/destination.ts';
import type { Credential } from './credential.ts';

/** A credential by OAuth as people write it: in a request to the operator's API, and in the file of the local server. */

const MAX_SECRET_CHARS = 8192;

const credentialValue = z
  .string()
  .min(1, { error: 'must not be empty' })
  .max(MAX_SECRET_CHARS, { error: `must have at most ${MAX_SECRET_CHARS} characters` });
const parameter = (characters: RegExp) =>
  z.string().min(1).max(1024).regex(characters, { error: 'must be visible ASCII characters' });
const word = parameter(/^[\x21-\x7e]+$/);
const words = parameter(/^[\x21-\x7e]+( [\x21-\x7e]+)*$/);

/** What of a credential by OAuth can be replaced. */
export const credentialFields = {
  client_secret: credentialValue
    .describe('The client secret, or the private key of `private_key_jwt` in PKCS #8 and PEM.')
    .optional(),
  refresh_token: credentialValue.optional(),
};
export const oauthSettings = z.strictObject({
  grant: z.enum(OAUTH_GRANTS, { error: `must be one of ${OAUTH_GRANTS.join(', ')}` }),
  token_url: z.string().max(MAX_URL_CHARS),
  client_id: words,
  client_auth: z
    .enum(CLIENT_AUTHENTICATIONS, { error: `must be one of ${CLIENT_AUTHENTICATIONS.join(', ')}` })
    .default('client_secret_basic'),
  key_id: word.optional(),
  scope: words.optional(),
  resource: word.optional(),
  audience: word.optional(),
  ...credentialFields,
});
type OAuthSettings = z.output<typeof oauthSettings>;

export const clientOf = (asked: OAuthSettings): OAuthClient => ({
  grant: asked.grant,
  tokenUrl: asked.token_url,
  clientId: asked.client_id,
  clientAuth: asked.client_auth,
  keyId: asked.key_id,
  scope: asked.scope,
  resource: asked.resource,
  audience: asked.audience,
});

export const credentialOf = ({
  client_secret: client,
  refresh_token: refresh,
}: OAuthSettings): Credential => ({
  client,
  refresh,
});

/** A field that is wrong, and what is wrong with it. */
export interface FieldProblem {
  readonly field: 'client_auth' | 'client_secret' | 'refresh_token';
  readonly problem: string;
}

/** Whether a credential has what its client needs, and nothing else; undefined if it has. */
export function credentialProblem(
  { grant, clientAuth }: OAuthClient,
  { client, refresh }: Credential,
): FieldProblem | undefined {
  if (clientAuth === 'none' && grant === 'client_credentials')
    return { field: 'client_auth', problem: 'must prove the client for the grant client_credentials' };
  if (clientAuth !== 'none' && client === undefined) return { field: 'client_secret', problem: 'is missing' };
  if (clientAuth === 'none' && client !== undefined)
    return { field: 'client_secret', problem: 'must be left out when client_auth is none' };
  if (grant === 'refresh_token' && refresh === undefined)
    return { field: 'refresh_token', problem: 'is missing' };
  if (grant === 'client_credentials' && refresh !== undefined)
    return { field: 'refresh_token', problem: 'is for the grant refresh_token only' };
  return undefined;
}
