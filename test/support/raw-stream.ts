import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { Heard } from './streams-heard.ts';

/** One event of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export interface RawEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: string;
}

export interface RawRequest {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A stream on a socket of its own, read without any client's help, so that it can vanish. */
export class RawStream {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly events = new Heard<RawEvent>();
  readonly #ids = new Heard<string>();
  /** Resolves when the server has ended the stream, or when it broke. */
  readonly ended: Promise<void>;
  readonly #request: ClientRequest;
  #isOpen = true;

  static open(url: string, { method, headers, body }: RawRequest): Promise<RawStream> {
    const { promise, resolve, reject } = Promise.withResolvers<RawStream>();
    const sent = request(url, { method, headers, agent: false });
    sent.once('error', reject);
    sent.once('response', (response) => resolve(new RawStream(sent, response)));
    sent.end(body);
    return promise;
  }

  private constructor(sent: ClientRequest, response: IncomingMessage) {
    this.#request = sent;
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    response.once('close', () => {
      this.#isOpen = false;
      resolve();
    });
    // A socket that is destroyed fails both ends of the exchange.
    sent.on('error', () => {});
    response.on('error', () => {});
    response.setEncoding('utf8');
    let rest = '';
    response.on('data', (chunk: string) => {
      const frames = `${rest}${chunk}`.split('\n\n');
      rest = frames.pop() ?? '';
      const events = frames.flatMap(eventOf);
      this.#ids.push(...events.flatMap(({ id }) => (id === undefined ? [] : [id])));
      // One without data only says where to go on.
      this.events.push(...events.filter(({ data }) => data !== ''));
    });
  }

  /** The id of the event without data that comes first, where there is one. */
  async origin(): Promise<string> {
    await this.#ids.until((ids) => ids.length > 0);
    return this.#ids.all[0] ?? '';
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The JSON-RPC messages that came, in order. */
  get messages(): Record<string, unknown>[] {
    return this.events.all
      .filter(({ event }) => event === 'message')
      .map(({ data }) => JSON.parse(data) as Record<string, unknown>);
  }

  /** Breaks the connection, without a word to the server. */
  vanish(): void {
    this.#request.socket?.destroy();
  }
}

/** A comment is no event. */
function eventOf(frame: string): RawEvent[] {
  const fields = frame.split('\n').map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trimStart()] as const;
  });
  const field = (name: string) => fields.find(([known]) => known === name)?.[1];
  const data = field('data');
  return data === undefined ? [] : [{ event: field('event') ?? 'message', id: field('id'), data }];
}
