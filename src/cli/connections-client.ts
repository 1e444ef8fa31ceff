import * as z from 'zod';
import type { CLIENT_AUTHENTICATIONS, OAUTH_GRANTS } from '../tenant/contract/access-token.ts';
import { tenantPath } from './admin-client.ts';
import type { AdminRequests } from './admin-requests.ts';

const oauthSchema = z.object({
  grant: z.string(),
  token_url: z.string(),
  client_id: z.string(),
  client_auth: z.string(),
  key_id: z.string().optional(),
  scope: z.string().optional(),
  resource: z.string().optional(),
  audience: z.string().optional(),
});
const connectionSchema = z.object({
  name: z.string(),
  kind: z.string(),
  url: z.string().optional(),
  header: z.string().optional(),
  oauth: oauthSchema.optional(),
  allow_internal: z.boolean().optional(),
  key_id: z.string().optional(),
  database: z.string().optional(),
  breaker: z.string(),
  created_at: z.string(),
  changed_at: z.string(),
});
export type ConnectionAnswer = z.infer<typeof connectionSchema>;

const testSchema = z.object({
  name: z.string(),
  reachable: z.boolean(),
  status: z.int().optional(),
  problem: z.string().optional(),
  problems: z.array(z.string()).optional(),
  took_ms: z.number(),
});
export type TestAnswer = z.infer<typeof testSchema>;

const rewrapSchema = z.object({ rewrapped: z.int(), left: z.array(z.string()) });
export type RewrapAnswer = z.infer<typeof rewrapSchema>;

/** How access tokens are got. */
export interface OAuthOptions {
  readonly grant: (typeof OAUTH_GRANTS)[number];
  readonly token_url: string;
  readonly client_id: string;
  readonly client_auth: (typeof CLIENT_AUTHENTICATIONS)[number];
  readonly key_id: string | undefined;
  readonly scope: string | undefined;
  readonly resource: string | undefined;
  readonly audience: string | undefined;
}

/** The secrets of a credential by OAuth that are set, or changed. */
export interface CredentialSecrets {
  readonly client_secret?: string | undefined;
  readonly refresh_token?: string | undefined;
}

/** With `header` and `secret`, or with `oauth`. */
export interface NewHttpConnection {
  readonly kind: 'http';
  readonly url: string;
  readonly allow_internal: boolean;
  readonly header?: string;
  readonly secret?: string;
  readonly oauth?: OAuthOptions & CredentialSecrets;
}

export interface NewPostgresConnection {
  readonly kind: 'postgres';
  readonly database: string;
}

/** The part of the admin API that is about the connections of a tenant. */
export class ConnectionsClient {
  readonly #admin: AdminRequests;

  constructor(admin: AdminRequests) {
    this.#admin = admin;
  }

  list(id: string): Promise<{ connections: ConnectionAnswer[] }> {
    return this.#admin.request('GET', pathOf(id), z.object({ connections: z.array(connectionSchema) }));
  }

  set(
    id: string,
    name: string,
    connection: NewHttpConnection | NewPostgresConnection,
  ): Promise<ConnectionAnswer> {
    return this.#admin.request('PUT', pathOf(id, name), connectionSchema, connection);
  }

  rotate(
    id: string,
    name: string,
    changed: { readonly secret: string } | CredentialSecrets,
  ): Promise<ConnectionAnswer> {
    return this.#admin.request('POST', `${pathOf(id, name)}/secret`, connectionSchema, changed);
  }

  test(id: string, name: string): Promise<TestAnswer> {
    return this.#admin.request('POST', `${pathOf(id, name)}/test`, testSchema);
  }

  remove(id: string, name: string): Promise<ConnectionAnswer> {
    return this.#admin.request('DELETE', pathOf(id, name), connectionSchema);
  }

  rewrap(id: string): Promise<RewrapAnswer> {
    return this.#admin.request('POST', `${pathOf(id)}/rewrap`, rewrapSchema);
  }
}

const pathOf = (id: string, name?: string) =>
  `${tenantPath(id)}/connections${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
