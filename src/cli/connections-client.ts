import * as z from 'zod';
import { tenantPath } from './admin-client.ts';
import type { AdminRequests } from './admin-requests.ts';

const connectionSchema = z.object({
  name: z.string(),
  kind: z.string(),
  url: z.string().optional(),
  header: z.string().optional(),
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

export interface NewHttpConnection {
  readonly kind: 'http';
  readonly url: string;
  readonly header: string;
  readonly allow_internal: boolean;
  readonly secret: string;
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

  rotate(id: string, name: string, secret: string): Promise<ConnectionAnswer> {
    return this.#admin.request('POST', `${pathOf(id, name)}/secret`, connectionSchema, { secret });
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
