import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

/** What a tool call comes back as, in every client. */
export interface CallResult {
  isError?: boolean;
  structuredContent?: { [name: string]: unknown };
  content: { type: string; text?: string }[];
}

/** A connected client; the SDKs' own types differ, what the tests need of them does not. */
export interface TestClient {
  readonly protocolVersion: string | undefined;
  listTools(): Promise<{ name: string; outputSchema?: object | undefined }[]>;
  call(name: string, args?: Record<string, unknown>): Promise<CallResult>;
  /** The URIs from `cursor` on, of all pages. */
  listResources(cursor?: string): Promise<string[]>;
  /** The text of each content. */
  readResource(uri: string): Promise<string[]>;
  listTemplates(): Promise<string[]>;
  close(): Promise<void>;
}

interface ResourceClient {
  listResources(params: {
    cursor?: string;
  }): Promise<{ resources: { uri: string }[]; nextCursor?: string | undefined }>;
  readResource(params: { uri: string }): Promise<{ contents: object[] }>;
  listResourceTemplates(): Promise<{ resourceTemplates: { uriTemplate: string }[] }>;
}

/** What both SDKs do alike. */
function resourcesOf(
  client: ResourceClient,
): Pick<TestClient, 'listResources' | 'readResource' | 'listTemplates'> {
  return {
    listResources: async (cursor) => {
      const uris: string[] = [];
      // The v2 client turns the pages itself.
      for (let from = cursor, more = true; more; more = from !== undefined) {
        const page = await client.listResources(from === undefined ? {} : { cursor: from });
        uris.push(...page.resources.map(({ uri }) => uri));
        from = page.nextCursor;
      }
      return uris;
    },
    readResource: async (uri) =>
      (await client.readResource({ uri })).contents.map((content) => String(Reflect.get(content, 'text'))),
    listTemplates: async () =>
      (await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate),
  };
}

export type Connect = (url: string, token: string) => Promise<TestClient>;

const IDENTITY = { name: 'bulkhead-tests', version: '1.0.0' };
const withToken = (token: string) => ({ requestInit: { headers: { authorization: `Bearer ${token}` } } });

/** The v1 SDK: revision 2025-11-25. */
const connectV1: Connect = async (url, token) => {
  const client = new ClientV1(IDENTITY);
  const transport = new TransportV1(new URL('/mcp', url), withToken(token));
  await client.connect(transport as Parameters<typeof client.connect>[0]);
  return {
    get protocolVersion() {
      return transport.protocolVersion;
    },
    listTools: async () => (await client.listTools()).tools,
    call: async (name, args = {}) => (await client.callTool({ name, arguments: args })) as CallResult,
    ...resourcesOf(client),
    close: () => client.close(),
  };
};

/** The v2 SDK, pinned to an era. */
const connectV2 =
  (mode: 'legacy' | { pin: string }): Connect =>
  async (url, token) => {
    const client = new Client(IDENTITY, { versionNegotiation: { mode } });
    await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', url), withToken(token)));
    return {
      get protocolVersion() {
        return client.getNegotiatedProtocolVersion();
      },
      listTools: async () => (await client.listTools()).tools,
      call: async (name, args = {}) => (await client.callTool({ name, arguments: args })) as CallResult,
      ...resourcesOf(client),
      close: () => client.close(),
    };
  };

/** Every real client, with the revision that it must come to speak. */
export const CLIENTS: readonly (readonly [name: string, version: string, connect: Connect])[] = [
  ['SDK v1', '2025-11-25', connectV1],
  ['SDK v2, legacy', '2025-11-25', connectV2('legacy')],
  ['SDK v2, modern', '2026-07-28', connectV2({ pin: '2026-07-28' })],
];
