import { RawStream } from './raw-stream.ts';

/** The streams of every era as bytes on sockets: what a client does on the wire, without a client. */

export const ERAS = ['2024', '2025', '2026'] as const;
export type Era = (typeof ERAS)[number];

const IDENTITY = { name: 'bulkhead-raw', version: '1.0.0' };
const MODERN = '2026-07-28';
const LEGACY = '2025-11-25';

export interface Place {
  readonly url: string;
  readonly token: string;
}

const headersOf = (token: string, version?: string) => ({
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  ...(version === undefined ? {} : { 'mcp-protocol-version': version }),
});

/** A request or a notification of a client's. */
export const rpc = (method: string, params: object = {}, id?: number | string) => ({
  jsonrpc: '2.0',
  ...(id === undefined ? {} : { id }),
  method,
  params,
});

const initialize = (protocolVersion: string) =>
  rpc('initialize', { protocolVersion, capabilities: {}, clientInfo: IDENTITY }, 'initialize');

/** The parameters of a request of the 2026 revision, with what every one of them says. */
export const enveloped = (params: object) => ({
  ...params,
  _meta: {
    'io.modelcontextprotocol/protocolVersion': MODERN,
    'io.modelcontextprotocol/clientInfo': IDENTITY,
    'io.modelcontextprotocol/clientCapabilities': {},
  },
});

/** A session of the 2025 revisions. */
export class RawSession {
  readonly id: string;
  readonly #place: Place;

  static async open(place: Place): Promise<RawSession> {
    const response = await fetch(`${place.url}/mcp`, {
      method: 'POST',
      headers: headersOf(place.token),
      body: JSON.stringify(initialize(LEGACY)),
    });
    const id = response.headers.get('mcp-session-id');
    if (!response.ok || id === null) throw new Error(`${response.status} ${await response.text()}`);
    await response.body?.cancel();
    const session = new RawSession(id, place);
    await session.tell('notifications/initialized');
    return session;
  }

  constructor(id: string, place: Place) {
    this.id = id;
    this.#place = place;
  }

  get headers(): Record<string, string> {
    return { ...headersOf(this.#place.token, LEGACY), 'mcp-session-id': this.id };
  }

  post(message: object): Promise<Response> {
    const body = JSON.stringify(message);
    return fetch(`${this.#place.url}/mcp`, { method: 'POST', headers: this.headers, body });
  }

  /** A request that must be answered by a result. */
  async ask(method: string, params: object): Promise<Record<string, unknown>> {
    const response = await this.post(rpc(method, params, 1));
    const answer = (await response.json()) as { result?: Record<string, unknown> };
    if (answer.result === undefined) throw new Error(`${method}: ${JSON.stringify(answer)}`);
    return answer.result;
  }

  async tell(method: string, params: object = {}): Promise<void> {
    const response = await this.post(rpc(method, params));
    await response.body?.cancel();
    if (response.status !== 202) throw new Error(`${method}: ${response.status}`);
  }

  /** The stream of `GET /mcp`. */
  stream(lastEventId?: string): Promise<RawStream> {
    const headers = {
      ...this.headers,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    };
    return RawStream.open(`${this.#place.url}/mcp`, { method: 'GET', headers });
  }

  delete(): Promise<Response> {
    return fetch(`${this.#place.url}/mcp`, { method: 'DELETE', headers: this.headers });
  }
}

/** The connection of the 2024 revision: a stream, and where its client posts. */
export class RawSse {
  readonly stream: RawStream;
  readonly #place: Place;
  #endpoint = '';

  static async open(place: Place): Promise<RawSse> {
    const stream = await RawStream.open(`${place.url}/sse`, {
      method: 'GET',
      headers: headersOf(place.token),
    });
    if (stream.status !== 200) throw new Error(`GET /sse: ${stream.status}`);
    const sse = new RawSse(stream, place);
    await stream.events.until((events) => events.length > 0);
    sse.#endpoint = stream.events.all[0]?.data ?? '';
    await sse.ask({ ...initialize('2024-11-05') });
    await sse.post(rpc('notifications/initialized'));
    return sse;
  }

  private constructor(stream: RawStream, place: Place) {
    this.stream = stream;
    this.#place = place;
  }

  /** @param message a text is sent as it is */
  async post(message: object | string): Promise<number> {
    const response = await fetch(new URL(this.#endpoint, this.#place.url), {
      method: 'POST',
      headers: headersOf(this.#place.token),
      body: typeof message === 'string' ? message : JSON.stringify(message),
    });
    await response.body?.cancel();
    return response.status;
  }

  /** Posts a request and waits for its answer on the stream. */
  async ask(message: { id?: number | string }): Promise<Record<string, unknown>> {
    const status = await this.post(message);
    if (status !== 202) throw new Error(`POST /messages: ${status}`);
    const answerOf = () => this.stream.messages.find(({ id }) => id === message.id);
    await this.stream.events.until(() => answerOf() !== undefined);
    return answerOf() ?? {};
  }
}

/** A `subscriptions/listen` of the 2026 revision, once it is acknowledged. */
export async function openListen(place: Place, uris: readonly string[]): Promise<RawStream> {
  const notifications = { resourcesListChanged: true, resourceSubscriptions: uris };
  const stream = await RawStream.open(`${place.url}/mcp`, {
    method: 'POST',
    headers: { ...headersOf(place.token, MODERN), 'mcp-method': 'subscriptions/listen' },
    body: JSON.stringify(rpc('subscriptions/listen', enveloped({ notifications }), 'listen')),
  });
  if (stream.status !== 200) throw new Error(`subscriptions/listen: ${stream.status}`);
  await stream.events.until((events) => events.length > 0);
  return stream;
}

/** An open stream of an era that is told of `uris`. */
export async function openStream(era: Era, place: Place, uris: readonly string[]): Promise<RawStream> {
  if (era === '2026') return openListen(place, uris);
  if (era === '2024') {
    const sse = await RawSse.open(place);
    for (const [id, uri] of uris.entries()) await sse.ask(rpc('resources/subscribe', { uri }, id));
    return sse.stream;
  }
  const session = await RawSession.open(place);
  for (const uri of uris) await session.ask('resources/subscribe', { uri });
  const stream = await session.stream();
  if (stream.status !== 200) throw new Error(`GET /mcp: ${stream.status}`);
  return stream;
}

/** The URIs that a stream told of, in order. */
export const urisOf = (stream: RawStream): string[] =>
  stream.messages
    .filter(({ method }) => method === 'notifications/resources/updated')
    .map(({ params }) => String(Reflect.get(Object(params), 'uri')));
