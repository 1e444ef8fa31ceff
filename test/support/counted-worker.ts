import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import worker from '../../src/index.ts';
import { type HttpTenant, MCP_URL, newAddress } from './http.ts';

/** Counts how often one client request asks the tenant's Durable Object for something. */

const BOTH = 'application/json, text/event-stream';
const METHODS = ['admit', 'call', 'completeRemoteCall', 'cancel', 'deliver', 'fetch'];

export interface ClientRequest {
  readonly method?: string;
  readonly url?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

let asked: string[] = [];

const counting = (stub: object) => {
  const methods = stub as Record<string, (...args: unknown[]) => unknown>;
  return new Proxy(stub, {
    // A member of a stub is called on the stub: it is no function that could be bound.
    get: (_stub, name: string) =>
      METHODS.includes(name)
        ? (...args: unknown[]) => {
            asked.push(name);
            return methods[name]?.(...args);
          }
        : methods[name],
  });
};

/** One environment for all requests, because an isolate keeps its state by it. */
const countingEnv = {
  ...env,
  TENANTS: { getByName: (name: string) => counting(env.TENANTS.getByName(name)) },
};

/** Sends one request to a Worker whose tenants count what they are asked. Requests must not overlap. */
export async function counted(
  tenant: HttpTenant,
  { method = 'POST', url = MCP_URL, body, headers = {} }: ClientRequest,
): Promise<{ asked: string[]; response: Response; leave: () => void }> {
  asked = [];
  const left = new AbortController();
  const request = new Request(url, {
    method,
    signal: left.signal,
    headers: {
      authorization: `Bearer ${tenant.token}`,
      accept: BOTH,
      'cf-connecting-ip': newAddress(),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const response = await worker.fetch(request, countingEnv, createExecutionContext());
  return { asked, response, leave: () => left.abort() };
}
