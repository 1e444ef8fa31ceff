import type * as z from 'zod';
import type { Sql } from './sql.ts';

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** A request of a tool. */
export interface HttpInit {
  /** GET if it is left out. GET, HEAD, PUT and DELETE are repeated when they fail; POST and PATCH never are. */
  readonly method?: (typeof METHODS)[number];
  /** Headers of credentials and of the connection itself are left out. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Parameters of the query, which are encoded. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** The body as JSON, at most 1 MiB. */
  readonly json?: unknown;
  /** The body as text, at most 1 MiB, instead of `json`. */
  readonly text?: string;
}

/** A response, which was read whole: at most 2 MiB. */
export interface HttpResponse {
  readonly status: number;
  /** Whether the status is 200 to 299. */
  readonly ok: boolean;
  /** By name in lower case, without cookies and challenges. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/**
 * One of the tenant's own HTTP services. Requests go to the origin and below the path of the connection, with its secret,
 * which the tool never sees. No redirect is followed.
 *
 * A request takes at most 30 seconds in all, with its repetitions. A call sends at most 50 requests, four at once.
 *
 * @example
 * ```ts
 * import * as z from 'zod';
 * import type { HttpConnection } from './connection.ts';
 *
 * const contact = z.object({ id: z.string(), name: z.string() });
 *
 * async function nameOf(crm: HttpConnection, id: string): Promise<string> {
 *   const found = await crm.json(contact, `contacts/${encodeURIComponent(id)}`);
 *   return found.name;
 * }
 * ```
 */
export interface HttpConnection {
  /**
   * Sends a request.
   * @param path relative to the path of the connection, without a slash before it; encode what comes from a caller
   * @throws ToolError `invalid_input` for a path that leads elsewhere, `unavailable` when the service cannot be reached or
   * its breaker is open, `too_large` for a body that is too large
   */
  fetch(path: string, init?: HttpInit): Promise<HttpResponse>;
  /**
   * Sends a request and checks the JSON of its response. What a schema does not name is left out, if it is no strict one.
   * @throws ToolError as `fetch` does, and for a status that is not 200 to 299: `unknown_handle` for 404, `forbidden` for a
   * secret that the service does not accept, `invalid_input` for other requests that it refuses
   */
  json<Schema extends z.ZodType>(schema: Schema, path: string, init?: HttpInit): Promise<z.output<Schema>>;
}

/** A database that all tenants share, as the tenant of the call. */
export interface PostgresConnection {
  readonly sql: Sql;
}

/** What a connection of each kind gives to a tool. */
export interface ConnectionKinds {
  readonly http: HttpConnection;
  readonly postgres: PostgresConnection;
}

export type ConnectionKind = keyof ConnectionKinds;

/** The connections that a tool uses, by name: what kind it takes each to be. */
export type DeclaredConnections = Readonly<Record<string, ConnectionKind>>;
