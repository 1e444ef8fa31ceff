import * as z from 'zod';
import { bucketLimitSchema } from '../tenant/contract/limit-settings.ts';
import { ALL_SCOPES, type Scope } from '../tools/tool.ts';
import type { AdminRequests } from './admin-requests.ts';

/** The tenants of one page of the list: the most that the server sends. */
const PAGE = 500;
/** The requests that `compact` makes at most. */
const MAX_COMPACT_REQUESTS = 10_000;

const callsSchema = z.object({ used: z.number(), quota: z.number().nullable(), resets_at: z.string() });

const tenantSchema = z.object({
  id: z.string(),
  status: z.enum(['active', 'suspended']),
  created_at: z.string(),
  limits: z.object({
    tenant: bucketLimitSchema,
    tool: bucketLimitSchema,
    tools: z.record(z.string(), bucketLimitSchema),
  }),
  storage: z.object({ bytes: z.number(), quota_bytes: z.number(), own_quota: z.boolean() }),
  calls: z.object({ day: callsSchema, month: callsSchema }),
  clients: z.object({ sessions: z.number(), open_streams: z.number() }),
});
export type TenantAnswer = z.infer<typeof tenantSchema>;

const pageSchema = z.object({
  tenants: z.array(tenantSchema.pick({ id: true, status: true, created_at: true })),
  next_cursor: z.string().optional(),
});
export type TenantPage = z.infer<typeof pageSchema>;

const usedSchema = z.object({ rows: z.number(), bytes: z.number() });
const storageSchema = z.object({
  id: z.string(),
  storage: tenantSchema.shape.storage,
  database_bytes: z.number(),
  free_bytes: z.number().optional(),
  data: z.record(z.string(), usedSchema.partial({ rows: true })),
  bookkeeping: z.record(z.string(), usedSchema),
});
export type StorageAnswer = z.infer<typeof storageSchema>;

const compactedSchema = z.object({
  id: z.string(),
  dropped: z.object({ history: z.number(), expired: z.number() }),
  freed_bytes: z.number(),
  more: z.boolean(),
});
export type CompactAnswer = z.infer<typeof compactedSchema>;

const deletedSchema = z.object({ id: z.string(), status: z.literal('deleted') });

const scopesSchema = z.array(z.enum(ALL_SCOPES));
const issuedSchema = z.object({
  tenant: z.string(),
  token_id: z.string(),
  token: z.string(),
  scopes: scopesSchema,
  expires_at: z.string(),
  url: z.string(),
});
export type IssuedToken = z.infer<typeof issuedSchema>;

const tokenSchema = z.object({
  token_id: z.string(),
  label: z.string(),
  scopes: scopesSchema,
  tools: z.array(z.string()).optional(),
  created_at: z.string(),
  expires_at: z.string(),
  revoked_at: z.string().nullable(),
  last_used: z
    .object({ at: z.string(), client: z.string().nullable(), calls: z.number(), refused: z.number() })
    .nullable()
    .optional(),
});
export type TokenAnswer = z.infer<typeof tokenSchema>;
const tokensSchema = z.object({ tokens: z.array(tokenSchema) });

export interface TokenOptions {
  readonly scopes?: readonly Scope[] | undefined;
  readonly ttl_s?: number | undefined;
  readonly label?: string | undefined;
  /** The tools that the token is held to. */
  readonly tools?: readonly string[] | undefined;
  /** Leaves out the scopes that write. */
  readonly read_only?: boolean | undefined;
}
/** Which tenants `pages` returns. */
export interface ListQuery {
  /** The first characters of the id. */
  readonly prefix?: string | undefined;
  readonly status?: TenantAnswer['status'] | undefined;
  /** At most so many; undefined: all. */
  readonly limit?: number | undefined;
}
export interface LimitChange {
  /** A tool, `*` for every tool without limits of its own, or undefined for the tenant's own limit. */
  readonly tool?: string | undefined;
  /** Calls per second. */
  readonly rate?: number | undefined;
  /** Calls that can be made at once. */
  readonly burst?: number | undefined;
  /** The storage quota in bytes; null removes the tenant's own, so that the one of the deployment applies. */
  readonly storage?: number | null | undefined;
  /** The calls that may be charged in a day or a month; null removes the quota. */
  readonly calls_per_day?: number | null | undefined;
  readonly calls_per_month?: number | null | undefined;
  /** Removes the limit instead, so that the more general one applies. */
  readonly unset?: true | undefined;
}
export interface ScopeChange {
  readonly add?: readonly Scope[];
  readonly remove?: readonly Scope[];
}

/** The part of the admin API that is about tenants, their limits, storage and tokens. */
export class AdminClient {
  readonly #admin: AdminRequests;

  constructor(admin: AdminRequests) {
    this.#admin = admin;
  }

  create(id: string): Promise<TenantAnswer> {
    return this.#admin.request('POST', '/tenants', tenantSchema, { id });
  }

  /** The pages of the list, each requested when the one before was used. The last one has `next_cursor` if `limit` ended the list. */
  async *pages({ prefix, status, limit }: ListQuery): AsyncGenerator<TenantPage> {
    let cursor: string | undefined;
    let left = limit ?? Number.POSITIVE_INFINITY;
    do {
      const query = new URLSearchParams({
        limit: String(Math.min(PAGE, left)),
        ...(prefix === undefined ? {} : { prefix }),
        ...(status === undefined ? {} : { status }),
        ...(cursor === undefined ? {} : { cursor }),
      });
      const page = await this.#admin.request('GET', `/tenants?${query}`, pageSchema);
      yield page;
      left -= page.tenants.length;
      cursor = page.next_cursor;
    } while (cursor !== undefined && left > 0);
  }

  show(id: string): Promise<TenantAnswer> {
    return this.#admin.request('GET', tenantPath(id), tenantSchema);
  }

  delete(id: string): Promise<z.infer<typeof deletedSchema>> {
    return this.#admin.request('DELETE', tenantPath(id), deletedSchema);
  }

  suspend(id: string): Promise<TenantAnswer> {
    return this.#admin.request('POST', `${tenantPath(id)}/suspend`, tenantSchema);
  }

  resume(id: string): Promise<TenantAnswer> {
    return this.#admin.request('POST', `${tenantPath(id)}/resume`, tenantSchema);
  }

  setLimits(id: string, change: LimitChange): Promise<TenantAnswer> {
    return this.#admin.request('PATCH', `${tenantPath(id)}/limits`, tenantSchema, change);
  }

  storage(id: string): Promise<StorageAnswer> {
    return this.#admin.request('GET', `${tenantPath(id)}/storage`, storageSchema);
  }

  /** Deletes old versions and expired entries, until there are no more. @returns what all of its requests deleted */
  async compact(id: string): Promise<CompactAnswer> {
    const sum = { history: 0, expired: 0, freed: 0 };
    for (let requests = 1; ; requests++) {
      const part = await this.#admin.request('POST', `${tenantPath(id)}/compact`, compactedSchema);
      sum.history += part.dropped.history;
      sum.expired += part.dropped.expired;
      sum.freed += part.freed_bytes;
      if (part.more && requests < MAX_COMPACT_REQUESTS) continue;
      const { history, expired, freed } = sum;
      return { id: part.id, dropped: { history, expired }, freed_bytes: freed, more: part.more };
    }
  }

  issueToken(id: string, options: TokenOptions): Promise<IssuedToken> {
    return this.#admin.request('POST', `${tenantPath(id)}/tokens`, issuedSchema, options);
  }

  tokens(id: string): Promise<{ tokens: TokenAnswer[] }> {
    return this.#admin.request('GET', `${tenantPath(id)}/tokens`, tokensSchema);
  }

  changeScopes(id: string, tokenId: string, change: ScopeChange): Promise<TokenAnswer> {
    return this.#admin.request('PATCH', tokenPath(id, tokenId), tokenSchema, change);
  }

  revokeToken(id: string, tokenId: string): Promise<TokenAnswer> {
    return this.#admin.request('DELETE', tokenPath(id, tokenId), tokenSchema);
  }
}

export function tenantPath(id: string): string {
  return `/tenants/${encodeURIComponent(id)}`;
}

function tokenPath(id: string, tokenId: string): string {
  return `${tenantPath(id)}/tokens/${encodeURIComponent(tokenId)}`;
}
