import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

const PATH = '/callback';
const MAX_CONNECTIONS = 16;
const HEADERS_TIMEOUT_MS = 10_000;

/** The answer of the authorization server, as the browser brought it. */
export interface Redirected {
  readonly parameters: URLSearchParams;
  /** Shows the person the end of the sign-in. */
  show(isSignedIn: boolean): void;
}

/**
 * The program's own redirect URI: a listener on a free port of this machine (RFC 8252, section 7.3).
 *
 * A request without the right `state` is refused and changes nothing, so that neither a page in the browser nor another user of
 * the machine can end the sign-in or put in an answer of its own.
 */
export class RedirectListener {
  readonly redirectUri: string;
  readonly #server: Server;
  readonly #answer = Promise.withResolvers<Redirected>();
  #state: string | undefined;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.redirectUri = `http://127.0.0.1:${port}${PATH}`;
    server.on('request', (request, response) => this.#onRequest(request, response));
  }

  static async open(): Promise<RedirectListener> {
    const server = createServer({ headersTimeout: HEADERS_TIMEOUT_MS });
    server.maxConnections = MAX_CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('The listener has no port.');
    return new RedirectListener(server, address.port);
  }

  /** Resolves with the first request that carries `state`. */
  answerTo(state: string): Promise<Redirected> {
    this.#state = state;
    return this.#answer.promise;
  }

  close(): void {
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { origin, host, pathname } = new URL(this.redirectUri);
    const url = URL.parse(request.url ?? '', origin);
    const isOurs = url?.origin === origin && url.pathname === pathname && request.headers.host === host;
    if (!isOurs || request.method !== 'GET') {
      respond(response, 404, 'Not found', 'There is nothing here.');
      return;
    }
    const { searchParams } = url;
    if (this.#state === undefined || searchParams.get('state') !== this.#state) {
      respond(response, 400, 'Not signed in', 'This answer belongs to no sign-in of this program.');
      return;
    }
    this.#state = undefined;
    this.#answer.resolve({
      parameters: searchParams,
      show: (isSignedIn) =>
        isSignedIn
          ? respond(response, 200, 'Signed in', 'The program has access. You can close this page.')
          : respond(response, 400, 'Not signed in', 'The program says why. You can close this page.'),
    });
  }
}

/** The title and the sentence are ours, so that nothing of the request is on the page. */
function respond(response: ServerResponse, status: number, title: string, sentence: string): void {
  response
    .writeHead(status, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      connection: 'close',
    })
    .end(
      `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>${title}</title></head>\n<body><main><h1>${title}</h1><p>${sentence}</p></main></body></html>\n`,
    );
}
