import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { CallResult } from './clients.ts';
import { Heard } from './streams-heard.ts';

/** What a listener hears when the list of resources changed; whatever else it hears is a URI. */
export const LIST = 'list changed';

/** A real client that writes, and is told of changes. */
export interface PushClient {
  /** URIs and `LIST`, in the order in which they came. */
  readonly heard: Heard<string>;
  call(name: string, args: Record<string, unknown>): Promise<CallResult>;
  unsubscribe(uri: string): Promise<unknown>;
  close(): Promise<void>;
}

/** @param uris the cells to be told of; also of the list, which only the 2026 revision can leave out */
export type Listen = (url: string, token: string, uris: readonly string[]) => Promise<PushClient>;

const IDENTITY = { name: 'bulkhead-tests', version: '1.0.0' };
const withToken = (token: string) => ({ requestInit: { headers: { authorization: `Bearer ${token}` } } });

type V1Transport = Parameters<ClientV1['connect']>[0];

async function listenV1(transport: V1Transport, uris: readonly string[]): Promise<PushClient> {
  const client = new ClientV1(IDENTITY);
  const heard = new Heard<string>();
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => heard.push(params.uri));
  client.setNotificationHandler(ResourceListChangedNotificationSchema, () => heard.push(LIST));
  await client.connect(transport);
  for (const uri of uris) await client.subscribeResource({ uri });
  return {
    heard,
    call: async (name, args) => (await client.callTool({ name, arguments: args })) as CallResult,
    unsubscribe: (uri) => client.unsubscribeResource({ uri }),
    close: () => client.close(),
  };
}

/** The SDK's own transport of the 2024 revision. */
const listen2024: Listen = (url, token, uris) => {
  const authorized: typeof fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('authorization', `Bearer ${token}`);
    return fetch(input, { ...init, headers });
  };
  const transport = new SSEClientTransport(new URL('/sse', url), {
    eventSourceInit: { fetch: authorized },
    ...withToken(token),
  });
  return listenV1(transport, uris);
};

const listen2025: Listen = (url, token, uris) =>
  listenV1(new TransportV1(new URL('/mcp', url), withToken(token)) as V1Transport, uris);

const listenV2 =
  (mode: 'legacy' | { pin: string }): Listen =>
  async (url, token, uris) => {
    const client = new Client(IDENTITY, { versionNegotiation: { mode } });
    const heard = new Heard<string>();
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => heard.push(params.uri));
    client.setNotificationHandler('notifications/resources/list_changed', () => heard.push(LIST));
    await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', url), withToken(token)));
    if (mode === 'legacy') for (const uri of uris) await client.subscribeResource({ uri });
    else await client.listen({ resourcesListChanged: true, resourceSubscriptions: [...uris] });
    return {
      heard,
      call: async (name, args) => (await client.callTool({ name, arguments: args })) as CallResult,
      unsubscribe: (uri) => client.unsubscribeResource({ uri }),
      close: () => client.close(),
    };
  };

/** Every real client that can be told of changes. */
export const LISTENERS: readonly (readonly [name: string, listen: Listen])[] = [
  ['2024: SDK v1 over SSE', listen2024],
  ['2025: SDK v1', listen2025],
  ['2025: SDK v2, legacy', listenV2('legacy')],
  ['2026: SDK v2, modern', listenV2({ pin: '2026-07-28' })],
];

/** A write by plain HTTP. */
export async function writeByHttp(url: string, token: string, args: Record<string, unknown>): Promise<void> {
  const response = await fetch(`${url}/v1/tools/blackboard_write`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(args),
  });
  if (!response.ok) throw new Error(`blackboard_write: ${response.status} ${await response.text()}`);
  await response.body?.cancel();
}
