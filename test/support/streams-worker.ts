import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { type HttpTenant, type Sent, send } from './http.ts';
import { Heard } from './streams-heard.ts';
import type { Answer } from './tenant.ts';

/** Sessions and streams as a client meets them, inside workerd. */

export const initialize = (protocolVersion: unknown = '2025-11-25', more: object = {}) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion, capabilities: {}, clientInfo: { name: 'test', version: '1' }, ...more },
});

export const inSession = (session: string) => ({ 'mcp-session-id': session });

/** Opens a session of the 2025 revisions. */
export async function openSession(tenant: HttpTenant): Promise<string> {
  const response = await tenant.post(initialize());
  await response.text();
  const session = response.headers.get('mcp-session-id');
  if (session === null) throw new Error(`no session: ${response.status}`);
  return session;
}

/** The headers and the envelope of a request of the 2026 revision. */
export function modern(method: string, params: Record<string, unknown> = {}, name?: string) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const headers = {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(name === undefined ? {} : { 'mcp-name': name }),
  };
  return { body: { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } }, headers };
}

export interface StreamEvent {
  readonly event: string | undefined;
  readonly id: string | undefined;
  readonly data: string;
}

/** The events of an answer that is a stream. */
export class EventReader {
  readonly events = new Heard<StreamEvent>();
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(response: Response) {
    if (response.body === null) throw new Error(`no stream: ${response.status}`);
    this.#reader = response.body.getReader();
    // One that breaks, or is left, has ended too.
    this.ended = this.#read().catch(() => {});
  }

  /** The JSON-RPC messages so far. */
  get messages(): Answer[] {
    return this.events.all
      .filter(({ event }) => event === undefined || event === 'message')
      .map(({ data }) => JSON.parse(data) as Answer);
  }

  /** URIs of cells that changed, and `list` when the list of them did. */
  get told(): string[] {
    return this.messages.flatMap(({ method, params }) => {
      if (method === 'notifications/resources/updated') return [String(params.uri)];
      return method === 'notifications/resources/list_changed' ? ['list'] : [];
    });
  }

  async untilTold(...told: string[]): Promise<void> {
    await this.events.until(() => told.every((item) => this.told.includes(item)));
  }

  /** Leaves, as a client does. */
  async leave(): Promise<void> {
    await this.#reader.cancel();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = '';
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      const frames = `${rest}${decoder.decode(value, { stream: true })}`.split('\n\n');
      rest = frames.pop() ?? '';
      this.events.push(...frames.flatMap(eventOf));
    }
  }
}

function eventOf(frame: string): StreamEvent[] {
  const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(frame)?.[1];
  const data = field('data');
  // One without data only says where to go on.
  return data === undefined || data === '' ? [] : [{ event: field('event'), id: field('id'), data }];
}

export const getStream = (tenant: HttpTenant, path: string, headers: Sent['headers'] = {}) =>
  send(path, {
    headers: { authorization: `Bearer ${tenant.token}`, accept: 'text/event-stream', ...headers },
  });

/** The stream of each era, told of `uris`. */
export const OPENERS: readonly (readonly [
  era: string,
  open: (tenant: HttpTenant, uris?: readonly string[]) => Promise<EventReader>,
])[] = [
  [
    '2024',
    async (tenant, uris = []) => {
      const reader = new EventReader(await getStream(tenant, '/sse'));
      await reader.events.until((events) => events.length > 0);
      const endpoint = reader.events.all[0]?.data ?? '';
      const post = async (body: { id?: unknown }) => {
        const headers = { authorization: `Bearer ${tenant.token}`, 'content-type': 'application/json' };
        const response = await send(endpoint, { method: 'POST', headers, body: JSON.stringify(body) });
        if (response.status !== 202) throw new Error(`POST /messages: ${response.status}`);
        await reader.events.until(() => reader.messages.some(({ id }) => id === body.id));
      };
      await post({ ...initialize('2024-11-05'), id: 'initialize' });
      for (const uri of uris)
        await post({ ...initialize(), id: uri, method: 'resources/subscribe', params: { uri } } as object);
      return reader;
    },
  ],
  [
    '2025',
    async (tenant, uris = []) => {
      const session = await openSession(tenant);
      for (const uri of uris)
        await (await tenant.rpc('resources/subscribe', { uri }, inSession(session))).text();
      return new EventReader(await getStream(tenant, '/mcp', inSession(session)));
    },
  ],
  [
    '2026',
    async (tenant, uris = []) => {
      const notifications = { resourcesListChanged: true, resourceSubscriptions: uris };
      const { body, headers } = modern('subscriptions/listen', { notifications });
      const reader = new EventReader(await tenant.post(body, headers));
      await reader.events.until((events) => events.length > 0);
      return reader;
    },
  ],
];

/** The rows of a tenant that a statement names. */
export function rowsOf(tenant: HttpTenant, sql: string, ...bindings: (string | number)[]): Promise<Answer[]> {
  return runInDurableObject(env.TENANTS.getByName(tenant.id), (_object, state) =>
    state.storage.sql.exec(sql, ...bindings).toArray(),
  );
}
