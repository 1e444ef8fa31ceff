import * as z from 'zod';
import { MAX_URL_CHARS } from '../../connections/http/destination.ts';
import { canCarrySecret, isSecretValue } from '../../connections/http/headers.ts';
import { credentialFields, oauthSettings } from '../../connections/oauth/settings.ts';
import { CLIENT_AUTHENTICATIONS, OAUTH_GRANTS } from '../../tenant/contract/access-token.ts';

/** What is sent and answered about connections. */

const MAX_SECRET_CHARS = 8192;

const secretValue = z
  .string()
  .max(MAX_SECRET_CHARS)
  .refine(isSecretValue, { error: 'must be the value of a header: visible ASCII characters and spaces' });
const newHttpConnection = z.strictObject({
  kind: z.literal('http'),
  url: z.string().max(MAX_URL_CHARS),
  header: z
    .string()
    .refine(canCarrySecret, { error: 'must be the name of a header that can carry a secret' })
    .optional()
    .describe('The header whose value is `secret`. It is left out with `oauth`.'),
  secret: secretValue.optional(),
  oauth: oauthSettings.optional().describe('How access tokens are got, instead of `header` and `secret`.'),
  allow_internal: z.boolean().default(false).describe('For the operator only.'),
});
const newPostgresConnection = z.strictObject({ kind: z.literal('postgres'), database: z.string() });
export const newConnection = z.discriminatedUnion('kind', [newHttpConnection, newPostgresConnection], {
  error: 'must have a kind, http or postgres',
});
export type NewConnection = z.output<typeof newConnection>;
export type NewHttpConnection = z.output<typeof newHttpConnection>;
export type NewPostgresConnection = z.output<typeof newPostgresConnection>;

export const newSecret = z.strictObject({
  secret: secretValue.optional().describe('Of a connection with a header.'),
  ...credentialFields,
});
export type NewSecret = z.output<typeof newSecret>;

/** A connection as it is shown. Its secrets never are. */
export const connectionAnswer = z.strictObject({
  name: z.string(),
  kind: z.enum(['http', 'postgres']),
  url: z.string().optional().describe('All requests are below it.'),
  header: z.string().optional().describe('The header of the secret or the access token.'),
  oauth: z
    .strictObject({
      grant: z.enum(OAUTH_GRANTS),
      token_url: z.string(),
      client_id: z.string(),
      client_auth: z.enum(CLIENT_AUTHENTICATIONS),
      key_id: z.string().optional(),
      scope: z.string().optional(),
      resource: z.string().optional(),
      audience: z.string().optional(),
    })
    .optional(),
  allow_internal: z.boolean().optional(),
  database: z.string().optional(),
  key_id: z.string().optional().describe('Which key of the deployment encrypts the secret.'),
  breaker: z.enum(['closed', 'open', 'half_open']),
  created_at: z.iso.datetime(),
  changed_at: z.iso.datetime(),
});
export const connectionsAnswer = z.strictObject({ connections: z.array(connectionAnswer) });
export const testAnswer = z.strictObject({
  name: z.string(),
  reachable: z.boolean(),
  status: z.int().optional().describe('What the service has answered to GET.'),
  problem: z.string().optional().describe('Why it is not reachable.'),
  problems: z.array(z.string()).optional().describe('What makes a database unsafe to share.'),
  took_ms: z.number(),
});
export const rewrapAnswer = z.strictObject({
  rewrapped: z.int(),
  left: z.array(z.string()).describe('Connections whose secret no key opens: enter it again.'),
});
