import * as z from 'zod';
import type { Transport } from './table.ts';

/** Requests of one client that are remembered. */
const MAX_EXCHANGES = 1000;
const PREFER_STREAM = 'text/event-stream, application/json;q=0.5';
const STREAM = '200 text/event-stream';

/** What requests of a client are answered in by each transport over HTTP. */
const ANSWERED_IN: Readonly<Partial<Record<Transport, string>>> = {
  'HTTP, JSON': '200 application/json',
  'HTTP, SSE': STREAM,
  // The answer itself comes by the stream.
  'HTTP+SSE': '202 text/plain',
};

const message = z.looseObject({
  id: z.unknown().optional(),
  method: z.string().optional(),
  params: z
    .looseObject({ arguments: z.looseObject({ wait_s: z.number().optional() }).optional() })
    .optional(),
});

interface Exchange {
  readonly kind: 'initialize' | 'request' | 'stream' | 'other';
  readonly asked: string;
  /** The status, and the media type. */
  readonly answered: string;
}

/** The `fetch` of one client, which notes in what it is answered. */
export class Wire {
  readonly #transport: Transport;
  readonly #exchanges: Exchange[] = [];

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  readonly fetch = async (url: string | URL, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    // Few clients ask for this by themselves.
    if (this.#transport === 'HTTP, SSE' && init.method === 'POST') headers.set('accept', PREFER_STREAM);
    const response = await fetch(url, { ...init, headers });
    if (this.#exchanges.length >= MAX_EXCHANGES) throw new Error(`more than ${MAX_EXCHANGES} requests`);
    const type = response.headers.get('content-type')?.replace(/;.*/, '') ?? 'nothing';
    this.#exchanges.push({ ...askedBy(init), answered: `${response.status} ${type}` });
    return response;
  };

  /** What was answered in another form than this transport has for it. */
  get faults(): readonly Exchange[] {
    const request = ANSWERED_IN[this.#transport];
    const initialize = this.#transport === 'HTTP, SSE' ? ANSWERED_IN['HTTP, JSON'] : request;
    const expected = { initialize, request, stream: STREAM };
    return this.#exchanges.filter(({ kind, answered }) => kind !== 'other' && answered !== expected[kind]);
  }

  /** Requests that were answered as this transport answers. */
  get count(): number {
    return this.#exchanges.filter(({ kind }) => kind === 'initialize' || kind === 'request').length;
  }
}

function askedBy({ method: http = 'GET', body }: RequestInit): Pick<Exchange, 'kind' | 'asked'> {
  const { id, method, params } = typeof body === 'string' ? message.parse(JSON.parse(body)) : {};
  if (http === 'GET' || method === 'subscriptions/listen') return { kind: 'stream', asked: method ?? http };
  // How a call that waits is answered is the server's to choose, for it must see whether its client is still there.
  const waits = params?.arguments?.wait_s !== undefined;
  if (id === undefined || method === undefined || waits) return { kind: 'other', asked: method ?? http };
  return { kind: method === 'initialize' ? method : 'request', asked: method };
}
