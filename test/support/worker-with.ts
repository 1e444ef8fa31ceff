import { env } from 'cloudflare:workers';
import app from '../../src/index.ts';
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

/** The header of a request of the operator's. */
export const ADMIN_KEY_HEADER = { authorization: `Bearer ${TEST_SECRETS.ADMIN_KEY}` };

/** A binding of Durable Objects of which every method throws. */
export function failing(cause: unknown) {
  const fail = async () => {
    throw cause;
  };
  return { getByName: () => new Proxy({}, { get: () => fail }) };
}
