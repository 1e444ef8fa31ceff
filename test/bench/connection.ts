import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/**
 * A keep-alive HTTP/1.1 connection that has one request under way at a time.
 *
 * The load generator shares the machine with what it measures, so it does as little as it can: requests are bytes that
 * were prepared before, and of an answer only its end is looked for.
 */
export class Connection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  static async open(origin: string): Promise<Connection> {
    const { hostname, port } = new URL(origin);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new Connection(socket);
  }

  /** Sends one request and waits for the end of its answer. @throws Error when the connection breaks */
  send(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error('the connection is closed'));
      this.#waiting = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const answer = parseAnswer(this.#received);
    if (answer === undefined) return;
    this.#received = Buffer.alloc(0);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(answer);
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}

export interface Answer {
  readonly status: number;
  /** As it was sent: a chunked body contains the sizes of its chunks. */
  readonly body: string;
}

const END_OF_HEAD = '\r\n\r\n';
const LAST_CHUNK = '0\r\n\r\n';

/** @returns undefined while a part is missing */
export function parseAnswer(received: Buffer): Answer | undefined {
  const headEnd = received.indexOf(END_OF_HEAD);
  if (headEnd === -1) return undefined;
  const head = received.toString('latin1', 0, headEnd);
  const status = Number(head.slice(9, 12));
  const body = received.subarray(headEnd + END_OF_HEAD.length);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  const isComplete = length === undefined ? endsChunks(body) : body.length >= Number(length);
  return isComplete ? { status, body: body.toString('utf8') } : undefined;
}

/** Line breaks are escaped in JSON, so the end of the last chunk is not part of a body. */
function endsChunks(body: Buffer): boolean {
  const end = body.toString('latin1', Math.max(0, body.length - LAST_CHUNK.length - 2));
  return end === LAST_CHUNK || end.endsWith(`\r\n${LAST_CHUNK}`);
}

/** The items in order, again and again. */
export function* cycle<T>(items: readonly T[]): Generator<T, never> {
  for (;;) yield* items;
}

/** The bytes of a POST. */
export function postRequest(url: string, headers: Readonly<Record<string, string>>, body: string): Buffer {
  const { host, pathname, search } = new URL(url);
  const all = { host, ...headers, 'content-length': String(Buffer.byteLength(body)) };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${pathname}${search} HTTP/1.1\r\n${head.join('')}\r\n${body}`);
}
