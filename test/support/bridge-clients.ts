import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import {
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { Seen } from './bridge-rig.ts';
import type { CallResult } from './clients.ts';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** How the bridge is started in a clone. */
export const STDIO = ['src/cli/run.mjs', 'stdio'] as const;

/** What a client was told besides URIs. */
export const LIST = 'list changed';

/** A real client that has started a bridge. */
export interface BridgedClient {
  readonly revision: string | undefined;
  /** URIs, and `LIST`. */
  readonly heard: Seen<string>;
  /** The lines that the bridge wrote to standard error. */
  lines(): string[];
  listTools(): Promise<string[]>;
  call(name: string, args?: Record<string, unknown>, signal?: AbortSignal): Promise<CallResult>;
  readResource(uri: string): Promise<string[]>;
  /** Is told from now on when one of these cells or the list of them changes. */
  subscribe(uri: string): Promise<unknown>;
  close(): Promise<void>;
}

export type StartBridge = (url: string, token: string) => Promise<BridgedClient>;

const IDENTITY = { name: 'bulkhead-tests', version: '1.0.0' };
const textsOf = ({ contents }: { contents: object[] }) =>
  contents.map((content) => String(Reflect.get(content, 'text')));

const parametersOf = (url: string, token: string) => ({
  command: process.execPath,
  args: [...STDIO, '--url', url],
  env: { BULKHEAD_TOKEN: token },
  cwd: ROOT,
  stderr: 'pipe' as const,
});

function linesOf(transport: Pick<StdioV1, 'stderr'>): () => string[] {
  let text = '';
  transport.stderr?.on('data', (chunk) => {
    text += chunk;
  });
  return () => text.split('\n').filter((line) => line !== '');
}

const startV1: StartBridge = async (url, token) => {
  const transport = new StdioV1(parametersOf(url, token));
  const lines = linesOf(transport);
  const client = new ClientV1(IDENTITY);
  const heard = new Seen<string>('what the client was told');
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => heard.add(params.uri));
  client.setNotificationHandler(ResourceListChangedNotificationSchema, () => heard.add(LIST));
  let revision: string | undefined;
  Object.assign(transport, { setProtocolVersion: (version: string) => (revision = version) });
  await client.connect(transport);
  return {
    revision,
    heard,
    lines,
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args = {}, signal) =>
      (await client.callTool({ name, arguments: args }, undefined, signal && { signal })) as CallResult,
    readResource: async (uri) => textsOf(await client.readResource({ uri })),
    subscribe: (uri) => client.subscribeResource({ uri }),
    close: () => client.close(),
  };
};

const startV2 =
  (mode: 'legacy' | { pin: string }): StartBridge =>
  async (url, token) => {
    const transport = new StdioClientTransport(parametersOf(url, token));
    const lines = linesOf(transport as Pick<StdioV1, 'stderr'>);
    const client = new Client(IDENTITY, { versionNegotiation: { mode } });
    const heard = new Seen<string>('what the client was told');
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => heard.add(params.uri));
    client.setNotificationHandler('notifications/resources/list_changed', () => heard.add(LIST));
    await client.connect(transport);
    return {
      revision: client.getNegotiatedProtocolVersion(),
      heard,
      lines,
      listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
      call: async (name, args = {}, signal) =>
        (await client.callTool({ name, arguments: args }, signal && { signal })) as CallResult,
      readResource: async (uri) => textsOf(await client.readResource({ uri })),
      subscribe: (uri) =>
        mode === 'legacy'
          ? client.subscribeResource({ uri })
          : client.listen({ resourceSubscriptions: [uri], resourcesListChanged: true }),
      close: () => client.close(),
    };
  };

/** Every real client, with the revision that it must come to speak. */
export const BRIDGED: readonly (readonly [name: string, revision: string, start: StartBridge])[] = [
  ['SDK v1', '2025-11-25', startV1],
  ['SDK v2, legacy', '2025-11-25', startV2('legacy')],
  ['SDK v2, modern', '2026-07-28', startV2({ pin: '2026-07-28' })],
];
