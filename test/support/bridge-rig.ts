import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { bridgeStreams } from '../../src/bridge/serve.ts';
import { fixedToken, type TokenSource } from '../../src/bridge/tokens.ts';

/** How long something may take that should happen: a guard, not a figure. */
const GUARD_MS = 45_000;

export interface Rpc {
  readonly jsonrpc?: string;
  readonly id?: string | number | null;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { code: number; message: string; data?: Record<string, unknown> };
}

/** A list that can be waited on. */
export class Seen<T> {
  readonly all: T[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #what: string;

  constructor(what: string) {
    this.#what = what;
  }

  add(item: T): void {
    this.all.push(item);
    for (const look of this.#waiting) look();
  }

  /** The first that fits, once it is there. */
  async first(fits: (item: T) => boolean): Promise<T> {
    const [found] = await this.atLeast(1, fits);
    return found as T;
  }

  /** All that fit, once there are so many. */
  async atLeast(count: number, fits: (item: T) => boolean): Promise<T[]> {
    const { promise, resolve, reject } = Promise.withResolvers<T[]>();
    const look = () => {
      const found = this.all.filter(fits);
      if (found.length >= count) resolve(found);
    };
    const vain = () => reject(new Error(`${this.#what}: waited in vain for ${count} with ${fits}`));
    const guard = setTimeout(vain, GUARD_MS);
    this.#waiting.add(look);
    look();
    try {
      return await promise;
    } finally {
      clearTimeout(guard);
      this.#waiting.delete(look);
    }
  }
}

/** A request that reached the fake server. */
export interface Arrived {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly message: Rpc;
  readonly response: ServerResponse;
  /** Whether the bridge closed the exchange before it was answered. */
  closed: boolean;
}

export type Answer = (arrived: Arrived) => void;

export const json = (arrived: Arrived, status: number, body: unknown, headers: Record<string, string> = {}) =>
  arrived.response
    .writeHead(status, { 'content-type': 'application/json', ...headers })
    .end(JSON.stringify(body));
export const result = (arrived: Arrived, value: object, headers: Record<string, string> = {}) =>
  json(arrived, 200, { jsonrpc: '2.0', id: arrived.message.id, result: value }, headers);
/** A refusal as Bulkhead writes it. */
export const refuse = (
  arrived: Arrived,
  status: number,
  code: string,
  headers: Record<string, string> = {},
) => {
  const error = { code: -32000, message: `Refused: ${code}.`, data: { code, trace_id: 'f'.repeat(32) } };
  json(arrived, status, { jsonrpc: '2.0', error, id: null }, headers);
};
export const stream = (arrived: Arrived) =>
  arrived.response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
export const event = (arrived: Arrived, message: Rpc, id?: string) =>
  arrived.response.write(
    `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`,
  );

/** A server of which every answer is told by the test; what it is not told to answer fails the test. */
export class FakeRemote {
  readonly arrived = new Seen<Arrived>('requests at the server');
  readonly #sockets = new Set<Socket>();
  readonly #faults: unknown[] = [];
  readonly #server = createServer();
  answer: Answer = ({ method, body }) => {
    throw new Error(`nobody told what to answer to ${method} ${body}`);
  };

  async start(): Promise<this> {
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('request', async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const arrived: Arrived = {
        method: request.method ?? '',
        headers: request.headers,
        body,
        message: body === '' ? {} : JSON.parse(body),
        response,
        closed: false,
      };
      response.on('close', () => {
        arrived.closed = !response.writableEnded;
      });
      try {
        this.answer(arrived);
      } catch (error) {
        this.#faults.push(error);
        response.destroy();
      }
      this.arrived.add(arrived);
    });
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`);
  }

  /** Breaks every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
    if (this.#faults.length > 0) throw this.#faults[0];
  }
}

export const TOKEN = 'secret-token.of-the.test';

/** The bridge in this process, with a client that is the test. */
export class LocalClient {
  readonly #input = new PassThrough();
  readonly output = new PassThrough();
  readonly #errors = new PassThrough();
  readonly messages = new Seen<Rpc>('messages to the client');
  readonly #ended: Promise<void>;
  stderr = '';

  constructor(
    url: URL,
    timeouts?: Parameters<typeof bridgeStreams>[3],
    tokens: TokenSource = fixedToken(TOKEN),
  ) {
    let rest = '';
    this.output.on('data', (chunk) => {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.messages.add(JSON.parse(line));
    });
    this.#errors.on('data', (chunk) => {
      this.stderr += chunk;
    });
    const streams = { input: this.#input, output: this.output, errors: this.#errors };
    this.#ended = bridgeStreams(url, tokens, streams, timeouts);
  }

  write(text: string): void {
    this.#input.write(text);
  }

  send(message: Rpc): void {
    this.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  /** Sends a request, and waits for what answers it. */
  ask(message: Rpc): Promise<Rpc> {
    this.send(message);
    return this.answerTo(message.id);
  }

  answerTo(id: Rpc['id']): Promise<Rpc> {
    return this.messages.first((message) => message.id === id && message.method === undefined);
  }

  get lines(): string[] {
    return this.stderr.split('\n').filter((line) => line !== '');
  }

  /** Ends the input, and waits for the bridge to end. */
  async end(): Promise<void> {
    this.#input.end();
    await this.#ended;
  }
}
