import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Requests that are remembered; a test file makes a few hundred. */
const MAX_EXCHANGED = 2_000;
/** Of one connection, never of the message (RFC 9110, section 7.6.1). */
const HOP_BY_HOP: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding']);

interface Exchanged {
  readonly token: string;
  readonly path: string;
  /** As the header of the request names it. */
  readonly version: string | undefined;
  readonly status: number;
}

/**
 * A proxy in front of the server, which notes what is exchanged: what a client says of itself is no proof of what it
 * speaks. Its origin is known before the server starts, so that it can be the server's public URL.
 */
export class Tap {
  readonly #exchanged: Exchanged[] = [];
  readonly #server = createServer((incoming, outgoing) => this.#pass(incoming, outgoing));
  #target: string | undefined;

  /** @returns the origin */
  async listen(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  passTo(origin: string): void {
    this.#target = origin;
  }

  /** What was exchanged with a token and has been answered, or has begun to be. */
  with(token: string): readonly Exchanged[] {
    return this.#exchanged.filter((one) => one.token === token);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #note({ headers, url = '/' }: IncomingMessage, status: number): void {
    if (this.#exchanged.length >= MAX_EXCHANGED) throw new Error(`more than ${MAX_EXCHANGED} requests`);
    this.#exchanged.push({
      token: headers.authorization?.replace(/^Bearer /, '') ?? '',
      path: url.replace(/\?.*/, ''),
      version: headers['mcp-protocol-version']?.toString(),
      status,
    });
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    if (this.#target === undefined) throw new Error('a request before there was a server');
    const { method, headers } = incoming;
    const upstream = request(
      new URL(incoming.url ?? '/', this.#target),
      { method, headers: endToEnd(headers), agent: false },
      (answer) => {
        const { statusCode = 502 } = answer;
        this.#note(incoming, statusCode);
        outgoing.writeHead(statusCode, endToEnd(answer.headers));
        // A stream has begun although its first event may be far off.
        outgoing.flushHeaders();
        answer.on('error', () => outgoing.destroy()).pipe(outgoing);
      },
    );
    upstream.on('error', () => outgoing.destroy());
    outgoing.on('close', () => upstream.destroy());
    incoming.pipe(upstream);
  }
}

function endToEnd(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}
