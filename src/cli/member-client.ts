import * as z from 'zod';
import { ALL_SCOPES, type Scope } from '../tools/tool.ts';
import { tenantPath } from './admin-client.ts';
import type { AdminRequests } from './admin-requests.ts';

const memberSchema = z.object({
  member_id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(ALL_SCOPES)),
  key_id: z.string(),
  created_at: z.string(),
  expires_at: z.string().nullable(),
  email: z.string().nullable(),
  sub: z.string().nullable(),
});
export type MemberAnswer = z.infer<typeof memberSchema>;

const removedSchema = memberSchema.extend({
  revoked_tokens: z.array(z.object({ token_id: z.string(), label: z.string() })).default([]),
  kept_tokens: z.array(z.object({ token_id: z.string(), label: z.string() })).default([]),
});
export type RemovedAnswer = z.infer<typeof removedSchema>;

const keyedSchema = memberSchema.extend({ tenant: z.string(), key: z.string(), url: z.string() });
export type KeyedAnswer = z.infer<typeof keyedSchema>;

const grantSchema = z.object({
  token_id: z.string(),
  kind: z.enum(['client', 'console']).default('client'),
  member_id: z.string(),
  client_name: z.string(),
  client_host: z.string(),
  scopes: z.array(z.enum(ALL_SCOPES)),
  tools: z.array(z.string()).optional(),
  created_at: z.string(),
  refreshed_at: z.string(),
  expires_at: z.string(),
});
export type GrantAnswer = z.infer<typeof grantSchema>;

const clientSchema = z.object({
  client_id: z.string(),
  client_secret: z.string().optional(),
  client_name: z.string(),
  redirect_uris: z.array(z.string()),
  token_endpoint_auth_method: z.string(),
});
export type ClientAnswer = z.infer<typeof clientSchema>;

export interface MemberOptions {
  readonly name: string;
  readonly scopes?: readonly Scope[] | undefined;
  readonly ttl_s?: number | undefined;
  /** How the member is known at the OpenID provider. */
  readonly email?: string | undefined;
  readonly sub?: string | undefined;
}

export interface ClientOptions {
  readonly name: string;
  readonly redirect_uris: readonly string[];
  /** Whether the client keeps a secret. */
  readonly secret: boolean;
}

/** The part of the admin API that is about members, what they have granted, and clients. */
export class MemberClient {
  readonly #admin: AdminRequests;

  constructor(admin: AdminRequests) {
    this.#admin = admin;
  }

  members(id: string): Promise<{ members: MemberAnswer[] }> {
    return this.#admin.request(
      'GET',
      `${tenantPath(id)}/members`,
      z.object({ members: z.array(memberSchema) }),
    );
  }

  add(id: string, options: MemberOptions): Promise<KeyedAnswer> {
    return this.#admin.request('POST', `${tenantPath(id)}/members`, keyedSchema, options);
  }

  renewKey(id: string, member: string): Promise<KeyedAnswer> {
    return this.#admin.request('POST', `${memberPath(id, member)}/key`, keyedSchema);
  }

  remove(id: string, member: string, keepTokens: boolean): Promise<RemovedAnswer> {
    const query = keepTokens ? '?keep_tokens=true' : '';
    return this.#admin.request('DELETE', `${memberPath(id, member)}${query}`, removedSchema);
  }

  grants(id: string): Promise<{ grants: GrantAnswer[] }> {
    return this.#admin.request('GET', `${tenantPath(id)}/grants`, z.object({ grants: z.array(grantSchema) }));
  }

  addClient(options: ClientOptions): Promise<ClientAnswer> {
    return this.#admin.request('POST', '/clients', clientSchema, options);
  }
}

const memberPath = (id: string, member: string) => `${tenantPath(id)}/members/${encodeURIComponent(member)}`;
