import type { Context } from 'hono';
import { retryAfter } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { countFailure, record } from './records.ts';

/** How `/token`, `/register` and `/revoke` refuse a request (OAuth 2.1, section 3.2.4; RFC 7591, section 3.2.2). */

export interface OAuthError {
  readonly error:
    | 'invalid_request'
    | 'invalid_client'
    | 'invalid_grant'
    | 'invalid_target'
    | 'unsupported_grant_type'
    | 'invalid_redirect_uri'
    | 'invalid_client_metadata'
    | 'temporarily_unavailable';
  readonly description: string;
  /** What exactly was wrong, for the log alone; `error` itself where it says all. */
  readonly problem?: string;
  readonly status?: 400 | 401 | 413 | 415 | 408 | 503;
  readonly headers?: Readonly<Record<string, string>>;
}

export const NO_STORE = { 'cache-control': 'no-store', pragma: 'no-cache' };

/** How long a client is asked to wait before it tries a tenant again. */
const RETRY_MS = 30_000;
const FENCED_MS = 60_000;

/** The tenant is suspended or cannot be reached. Any other error would make clients forget their refresh token. */
export const temporarily = (problem: string): OAuthError => ({
  error: 'temporarily_unavailable',
  description: 'Access cannot be renewed now. Try again later with the same token.',
  problem,
  status: 503,
  headers: retryAfter(RETRY_MS),
});

/** Logs an error and answers with it. An address with too many of them is told to wait. */
export async function refuseOAuth(
  c: Context<AppEnv>,
  { error, description, problem, status = 400, headers = {} }: OAuthError,
  clientId?: string,
  fields: { tenant?: string; token_id?: string } = {},
): Promise<Response> {
  if (!c.req.raw.bodyUsed) await c.req.raw.body?.cancel();
  const isFenced = status !== 503 && !(await countFailure(c));
  record(c, 'oauth.refused', clientId, {
    ...fields,
    code: problem ?? error,
    http_status: isFenced ? 429 : status,
  });
  if (!isFenced)
    return Response.json(
      { error, error_description: description },
      { status, headers: { ...NO_STORE, ...headers } },
    );
  return Response.json(
    {
      error: 'temporarily_unavailable',
      error_description: 'Too many requests that were refused came from this address. Wait a minute.',
    },
    { status: 429, headers: { ...NO_STORE, ...retryAfter(FENCED_MS) } },
  );
}
