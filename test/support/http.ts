import { exports } from 'cloudflare:workers';
import { expect } from 'vitest';
import { SCOPES, type Scope } from '../../src/tools/tool.ts';
import { TEST_SECRETS } from './secrets.ts';
import type { Answer } from './tenant.ts';

/** Bulkhead's HTTP face as a client meets it, inside workerd. */

const ORIGIN = 'https://mcp.test';
export const MCP_URL = `${ORIGIN}/mcp`;

/** An address that no other request came from, so that the fences of one test do not meet another's. */
export function newAddress(): string {
  const random = crypto.randomUUID();
  return `2001:db8:${random.slice(0, 4)}:${random.slice(4, 8)}::1`;
}

export interface Sent {
  method?: string;
  headers?: Readonly<Record<string, string | undefined>>;
  body?: string | Uint8Array | ReadableStream<Uint8Array>;
}

/** One request; a header that is undefined is left out. */
export function send(path: string, { method = 'GET', headers = {}, body }: Sent = {}): Promise<Response> {
  const sent = new Headers();
  for (const [name, value] of Object.entries({ 'cf-connecting-ip': newAddress(), ...headers })) {
    if (value !== undefined) sent.set(name, value);
  }
  return exports.default.fetch(
    new Request(`${ORIGIN}${path}`, {
      method,
      headers: sent,
      // What tells the Worker that Cloudflare's network has set the address.
      cf: {},
      // A browser follows a redirect with its cookies, which only the test knows.
      redirect: 'manual',
      ...(body === undefined ? {} : { body }),
    }),
  );
}

/** The answer as JSON, whatever its media type. */
export async function jsonOf(response: Response): Promise<Answer> {
  const text = await response.text();
  return text === '' ? {} : JSON.parse(text);
}

/** One request of the operator's. */
export async function admin(
  method: string,
  path: string,
  body?: unknown,
  headers: Sent['headers'] = {},
): Promise<{ status: number; headers: Headers; body: Answer }> {
  const response = await send(`/admin${path}`, {
    method,
    headers: {
      authorization: `Bearer ${TEST_SECRETS.ADMIN_KEY}`,
      'content-type': body === undefined ? undefined : 'application/json',
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, body: await jsonOf(response) };
}

/** The same, and the test fails unless it succeeds. */
export async function operate(method: string, path: string, body?: unknown): Promise<Answer> {
  const answered = await admin(method, path, body);
  if (answered.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answered.body)}`);
  return answered.body;
}

let tenants = 0;

export function newTenantId(): string {
  return `http-${++tenants}-${crypto.randomUUID().slice(0, 8)}`;
}

/** Limits that no test reaches unless it sets its own. */
const GENEROUS = { rate: 100_000, burst: 1_000_000 };

/** A tenant as its clients reach it, by one token. */
export class HttpTenant {
  readonly id: string;
  readonly tokenId: string;
  readonly token: string;

  constructor(id: string, issued: { token_id: string; token: string }) {
    this.id = id;
    this.tokenId = issued.token_id;
    this.token = issued.token;
  }

  static async create(options: { scopes?: Scope[]; ttl_s?: number } = {}): Promise<HttpTenant> {
    const id = newTenantId();
    await operate('POST', '/tenants', { id });
    await operate('PATCH', `/tenants/${id}/limits`, GENEROUS);
    await operate('PATCH', `/tenants/${id}/limits`, { ...GENEROUS, tool: '*' });
    return HttpTenant.issue(id, options);
  }

  /** Another token of a tenant that exists. */
  static async issue(
    id: string,
    options: { scopes?: Scope[]; ttl_s?: number; tools?: string[]; label?: string } = {},
  ): Promise<HttpTenant> {
    const body = { scopes: SCOPES, ttl_s: 3600, ...options };
    const issued = await operate('POST', `/tenants/${id}/tokens`, body);
    return new HttpTenant(id, { token_id: String(issued.token_id), token: String(issued.token) });
  }

  /** One POST to the MCP endpoint, by default as a client of the revision 2025-11-25 sends it. */
  post(body: unknown, headers: Sent['headers'] = {}): Promise<Response> {
    return postMcp(this.token, body, headers);
  }

  rpc(method: string, params: unknown = {}, headers: Sent['headers'] = {}): Promise<Response> {
    return this.post({ jsonrpc: '2.0', id: 1, method, params }, headers);
  }

  /** The result of a tool call that was admitted. */
  async call(tool: string, args: unknown = {}): Promise<Answer> {
    const response = await this.rpc('tools/call', { name: tool, arguments: args });
    const body = await jsonOf(response);
    if (body.result === undefined) throw new Error(`${tool}: ${response.status} ${JSON.stringify(body)}`);
    return body.result;
  }
}

/** A POST to the MCP endpoint. A body that is a string goes out as it is. */
export function postMcp(
  token: string | undefined,
  body: unknown,
  headers: Sent['headers'] = {},
): Promise<Response> {
  return send('/mcp', {
    method: 'POST',
    headers: {
      authorization: token === undefined ? undefined : `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

export const listTools = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
export const callTool = (name: string, args: unknown = {}) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name, arguments: args },
});

/**
 * Sends until the fence answers 429, after `allowed` answers of another `status` at the least. The fence counts by the
 * minute on the wall clock, so a minute that ends on the way lets as many through once more.
 */
export async function untilFenced<Answer extends { status: number }>(
  allowed: number,
  status: number,
  send: () => Promise<Answer>,
): Promise<Answer> {
  for (let sent = 0; sent <= 2 * Math.max(allowed, MAX_ALLOWED); sent++) {
    const answer = await send();
    if (answer.status !== 429) expect(answer.status).toBe(status);
    else {
      expect(sent).toBeGreaterThanOrEqual(allowed);
      return answer;
    }
  }
  throw new Error('the fence never closed');
}

const MAX_ALLOWED = 120;
