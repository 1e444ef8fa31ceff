import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as SseTransportV1 } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { expect } from 'vitest';
import { Browser } from './oauth-person.ts';
import { PersonProvider } from './oauth-provider.ts';
import { Operator, startServer, type TestServer } from './server.ts';

/** A server that people sign in to, and clients of the SDKs that are given nothing but its URL. */

export const IDENTITY = { name: 'bulkhead-tests', version: '1.0.0' };

/** One server for the tests of a file. All of its clients count as one address, so a file must not send too many without a token. */
export class SignInRig {
  readonly server: TestServer;
  readonly operator: Operator;
  #members = 0;

  private constructor(server: TestServer) {
    this.server = server;
    this.operator = new Operator(server);
  }

  static async start(): Promise<SignInRig> {
    return new SignInRig(await startServer());
  }

  /** A member of a new tenant. */
  async newPerson(): Promise<{ tenant: string; key: string }> {
    const tenant = `sign-in-${++this.#members}`;
    await this.operator.tenant(tenant, { rate: 10_000, burst: 100_000 });
    const { key } = await this.operator.request('POST', `/tenants/${tenant}/members`, { name: 'Ann' });
    return { tenant, key: String(key) };
  }

  /** The endpoint under one of this machine's names. */
  at(hostname: string, path = '/mcp'): URL {
    const url = new URL(path, this.server.url);
    url.hostname = hostname;
    return url;
  }
}

export const providerFor = (url: URL, key: string) => new PersonProvider(new Browser(url.origin, fetch), key);

/** What the person at a page does for a client that is a program of its own. @returns where the browser goes back to */
export async function visit(page: URL, key: string): Promise<URL> {
  const person = providerFor(page, key);
  await person.redirectToAuthorization(page);
  return new URL(`${page.searchParams.get('redirect_uri')}?${person.answers[0]}`);
}

interface Connected {
  tools(): Promise<string[]>;
  close(): Promise<void>;
}

/** Connects a client; its first try sends the person to the page. */
type Connect = (url: URL, provider: PersonProvider) => Promise<Connected>;

export const connectV1: Connect = async (url, provider) => {
  const Transport = url.pathname === '/sse' ? SseTransportV1 : TransportV1;
  const open = () => new Transport(url, { authProvider: provider as never });
  const client = new ClientV1(IDENTITY);
  const first = open();
  if (provider.kept === undefined) {
    const sent = provider.answers.length;
    await expect(client.connect(first as never)).rejects.toThrow('Unauthorized');
    expect(provider.answers.length).toBe(sent + 1);
    await first.finishAuth(provider.code);
    await client.close();
  }
  const connected = new ClientV1(IDENTITY);
  await connected.connect(open() as never);
  return {
    tools: async () => (await connected.listTools()).tools.map(({ name }) => name),
    close: () => connected.close(),
  };
};

export const connectV2 =
  (mode: 'legacy' | { pin: string }): Connect =>
  async (url, provider) => {
    const Transport = url.pathname === '/sse' ? SSEClientTransport : StreamableHTTPClientTransport;
    const open = () => new Transport(url, { authProvider: provider as never });
    const newClient = () => new Client(IDENTITY, { versionNegotiation: { mode } });
    if (provider.kept === undefined) {
      const first = open();
      const client = newClient();
      await expect(client.connect(first)).rejects.toThrow();
      await first.finishAuth(provider.code, provider.issuer);
      await client.close();
    }
    const connected = newClient();
    await connected.connect(open());
    return {
      tools: async () => (await connected.listTools()).tools.map(({ name }) => name),
      close: () => connected.close(),
    };
  };

export const CLIENTS: readonly (readonly [string, Connect])[] = [
  ['SDK v1', connectV1],
  ['SDK v2, 2025', connectV2('legacy')],
  ['SDK v2, 2026', connectV2({ pin: '2026-07-28' })],
];
