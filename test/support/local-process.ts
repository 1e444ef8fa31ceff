import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import {
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { CallResult } from './clients.ts';

const RUN = fileURLToPath(new URL('../../src/cli/run.mjs', import.meta.url));
const IDENTITY = { name: 'bulkhead-tests', version: '1.0.0' };

export const commandOf = (data: string, ...more: string[]) => ({
  command: process.execPath,
  args: [RUN, 'stdio', '--data', data, ...more],
});

/** What a client was told, in order; `list` stands for the list of resources. */
export class Told {
  readonly uris: string[] = [];
  readonly #news = new EventEmitter();

  add(uri: string): void {
    this.uris.push(uri);
    this.#news.emit('news');
  }

  /** Waits until the client was told of `uri` `times` times. */
  async until(uri: string, times = 1): Promise<void> {
    while (this.uris.filter((told) => told === uri).length < times) await once(this.#news, 'news');
  }
}

/** A connected client of a process of its own; the SDKs' own types differ, what the tests need of them does not. */
export interface StdioClient {
  readonly pid: number;
  readonly protocolVersion: string | undefined;
  readonly told: Told;
  readonly stderr: () => string;
  list(): Promise<string[]>;
  call(name: string, args?: object, signal?: AbortSignal): Promise<CallResult>;
  listResources(): Promise<string[]>;
  readResource(uri: string): Promise<unknown>;
  /** Has the client told of changes of a resource, and of the list. @returns how to stop it */
  follow(uri: string): Promise<() => Promise<unknown>>;
  close(): Promise<void>;
}

export type ConnectStdio = (data: string) => Promise<StdioClient>;

const LIST = 'list';

function collected(stream: { on(event: 'data', listener: (chunk: unknown) => void): unknown } | null) {
  let text = '';
  stream?.on('data', (chunk) => {
    text += String(chunk);
  });
  return () => text;
}

export const connectV1: ConnectStdio = async (data) => {
  const client = new ClientV1(IDENTITY);
  const transport = new TransportV1({ ...commandOf(data), stderr: 'pipe' });
  const stderr = collected(transport.stderr);
  const told = new Told();
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => told.add(params.uri));
  client.setNotificationHandler(ResourceListChangedNotificationSchema, () => told.add(LIST));
  // The v1 client tells it to the transport only, and that of stdio does not listen.
  const negotiated: { version?: string } = {};
  const setProtocolVersion = (version: string) => {
    negotiated.version = version;
  };
  await client.connect(Object.assign(transport, { setProtocolVersion }));
  return {
    pid: transport.pid ?? 0,
    protocolVersion: negotiated.version,
    told,
    stderr,
    list: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args = {}, signal) =>
      (await client.callTool(
        { name, arguments: { ...args } },
        undefined,
        signal && { signal },
      )) as CallResult,
    listResources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
    readResource: async (uri) => (await client.readResource({ uri })).contents[0],
    follow: async (uri) => {
      await client.subscribeResource({ uri });
      return () => client.unsubscribeResource({ uri });
    },
    close: () => client.close(),
  };
};

const connectV2 =
  (mode: 'legacy' | 'auto' | { pin: string }): ConnectStdio =>
  async (data) => {
    const client = new Client(IDENTITY, { versionNegotiation: { mode } });
    const transport = new StdioClientTransport({ ...commandOf(data), stderr: 'pipe' });
    const stderr = collected(transport.stderr);
    const told = new Told();
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => told.add(params.uri));
    client.setNotificationHandler('notifications/resources/list_changed', () => told.add(LIST));
    await client.connect(transport);
    return {
      pid: transport.pid ?? 0,
      get protocolVersion() {
        return client.getNegotiatedProtocolVersion();
      },
      told,
      stderr,
      list: async () => (await client.listTools()).tools.map(({ name }) => name),
      call: async (name, args = {}, signal) =>
        (await client.callTool({ name, arguments: { ...args } }, signal && { signal })) as CallResult,
      listResources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
      readResource: async (uri) => (await client.readResource({ uri })).contents[0],
      follow: async (uri) => {
        if (mode === 'legacy') {
          await client.subscribeResource({ uri });
          return () => client.unsubscribeResource({ uri });
        }
        const subscription = await client.listen({
          resourcesListChanged: true,
          resourceSubscriptions: [uri],
        });
        return () => subscription.close();
      },
      close: () => client.close(),
    };
  };

export const connectModern = connectV2({ pin: '2026-07-28' });

/** Every real client, with the revision that it must come to speak. */
export const STDIO_CLIENTS: readonly (readonly [name: string, version: string, connect: ConnectStdio])[] = [
  ['SDK v1', '2025-11-25', connectV1],
  ['SDK v2, legacy', '2025-11-25', connectV2('legacy')],
  ['SDK v2, automatic', '2026-07-28', connectV2('auto')],
  ['SDK v2, modern', '2026-07-28', connectModern],
];

/** A process that is spoken to line by line. */
export class RawProcess {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  readonly stderr: () => string;
  #rest = '';
  readonly #news = new EventEmitter().setMaxListeners(0);

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [RUN, 'stdio', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.stderr = collected(this.child.stderr);
    this.child.stdout?.on('data', (chunk) => {
      const lines = `${this.#rest}${chunk}`.split('\n');
      this.#rest = lines.pop() ?? '';
      this.lines.push(...lines);
      this.#news.emit('news');
    });
    // All of its output has been read by then.
    this.exited = once(this.child, 'close').then(([code, signal]) => ({ code, signal }));
  }

  send(...messages: object[]): void {
    for (const message of messages)
      this.child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  end(): void {
    this.child.stdin?.end();
  }

  /** The messages that came so far; throws when a line is none. */
  messages(): Record<string, unknown>[] {
    return [...this.lines, ...(this.#rest === '' ? [] : [this.#rest])].map((line) => {
      const message = JSON.parse(line);
      if (message.jsonrpc !== '2.0') throw new Error(`no JSON-RPC: ${line}`);
      return message;
    });
  }

  /** Waits for the answer of a request. */
  async answerOf(id: number): Promise<Record<string, unknown>> {
    for (;;) {
      const answer = this.messages().find((message) => message.id === id);
      if (answer !== undefined) return answer;
      await once(this.#news, 'news');
    }
  }
}

export const INITIALIZE = {
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: IDENTITY },
};
