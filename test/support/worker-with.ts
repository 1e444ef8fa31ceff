import { env } from 'cloudflare:workers';
import app from '../../src/index.ts';
import { newAddress } from './http.ts';
import type { Fetch } from './oauth-person.ts';
import { TEST_SECRETS } from './secrets.ts';

/** The Worker under other settings and bindings than those of the test server. */
export async function fetchWith(
  bindings: Record<string, unknown>,
  path: string,
  init?: RequestInit<RequestInitCfProperties>,
): Promise<Response> {
  const context = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} };
  return app.fetch(new Request(`https://mcp.test${path}`, init), { ...env, ...bindings }, context as never);
}

/** The same as one server: what it caches lasts from one request to the next. Each request is of another address. */
export function serverWith(bindings: Record<string, unknown>): Fetch {
  const changed = { ...env, ...bindings };
  const context = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} };
  return async (url, init = {}) => {
    const headers = { 'cf-connecting-ip': newAddress(), ...Object.fromEntries(new Headers(init.headers)) };
    const request = new Request(url, { ...init, headers, cf: {} } as RequestInit<RequestInitCfProperties>);
    return app.fetch(request, changed, context as never);
  };
}

/** The header of a request of the operator's. */
export const ADMIN_KEY_HEADER = { authorization: `Bearer ${TEST_SECRETS.ADMIN_KEY}` };

/** A binding of Durable Objects of which every method throws. */
export function failing(cause: unknown) {
  const fail = async () => {
    throw cause;
  };
  return { getByName: () => new Proxy({}, { get: () => fail }) };
}
