import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';

const CHUNK = Buffer.alloc(1024 * 1024);
const GIB = 1024 ** 3;

type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

/** Writes chunks as fast as the other side reads them, until there are `bytes`, or it is gone. */
function pour(response: ServerResponse, bytes: number): void {
  let left = bytes;
  const write = () => {
    while (left > 0 && !response.destroyed) {
      left -= CHUNK.byteLength;
      if (!response.write(CHUNK)) {
        response.once('drain', write);
        return;
      }
    }
    response.end();
  };
  write();
}

/** What a service does that is broken, or means harm, by the first word of its path. */
const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  ok: (request, response) => response.end(JSON.stringify({ id: 'it', path: request.url })),
  echo: (request, response) => {
    response.setHeader('x-echo', String(request.headers['x-service-key']));
    response.end(JSON.stringify({ id: JSON.stringify(request.headers) }));
  },
  // Repeats what it was sent, and accepts none of it.
  unauthorized: (request, response) => {
    response.writeHead(401, { 'www-authenticate': `Bearer error="${request.headers.authorization}"` });
    response.end(JSON.stringify(request.headers));
  },
  redirect: (_request, response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
  loop: (request, response) => response.writeHead(307, { location: String(request.url) }).end(),
  endless: (_request, response) => pour(response, Number.POSITIVE_INFINITY),
  zeros: (_request, response) => {
    response.setHeader('content-length', 2 * GIB);
    pour(response, 2 * GIB);
  },
  chunkedzeros: (_request, response) => pour(response, 2 * GIB),
  // Says more than it sends, and less.
  short: (_request, response) => {
    response.setHeader('content-length', 1000);
    response.write('{"id":"it"');
    setImmediate(() => response.destroy());
  },
  long: (_request, response) => {
    response.socket?.end(`HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"id":"it"}${'x'.repeat(5000)}`);
  },
  closes: (request) => void request.socket.destroy(),
  halfway: (_request, response) => {
    response.write('{"id":');
    setImmediate(() => response.destroy());
  },
  garbage: (request) => void request.socket.end('This is no HTTP.\r\n\r\n'),
  gzip: (_request, response) => {
    response.setHeader('content-encoding', 'gzip');
    response.end('this is not compressed');
  },
  // About 1,000 times as large once it is decompressed.
  bomb: (_request, response) => {
    response.setHeader('content-encoding', 'gzip');
    let left = 2 * GIB;
    const zeros = new Readable({
      read() {
        left -= CHUNK.byteLength;
        this.push(left > 0 ? CHUNK : null);
      },
    });
    pipeline(zeros, createGzip({ level: 1 }), response, () => undefined);
  },
  // Headers that never end.
  flood: (_request, response) => {
    const { socket } = response;
    socket?.write('HTTP/1.1 200 OK\r\n');
    const write = () => {
      while (socket?.writable === true && socket.write(`x-more: ${'y'.repeat(1000)}\r\n`));
    };
    socket?.on('drain', write);
    socket?.on('error', () => undefined);
    write();
  },
  headers: (_request, response) => {
    for (let n = 0; n < 300; n++) response.setHeader(`x-${n}`, 'y'.repeat(100));
    response.end('{}');
  },
  drip: (_request, response) => {
    const timer = setInterval(() => response.write(' '), 20);
    response.once('close', () => clearInterval(timer));
  },
  // Chunks of one byte each, which a client could read one by one.
  crumbs: (_request, response) => {
    const { socket } = response;
    socket?.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
    const crumbs = Buffer.from('1\r\n0\r\n'.repeat(10_000));
    const write = () => {
      while (socket?.writable === true && socket.write(crumbs));
    };
    socket?.on('drain', write);
    socket?.on('error', () => undefined);
    write();
  },
  silent: () => undefined,
  // A header now and then, and never the last one.
  trickle: (_request, response) => {
    const { socket } = response;
    socket?.write('HTTP/1.1 200 OK\r\n');
    const timer = setInterval(() => socket?.write('x-more: y\r\n'), 20);
    socket?.once('close', () => clearInterval(timer));
  },
};

/** Gives an access token and, with each, another refresh token. */
function giveToken(response: ServerResponse, given: number): void {
  const token = { access_token: `CANARY-TOKEN-${given}`, token_type: 'Bearer', expires_in: 3600 };
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ ...token, refresh_token: `CANARY-REFRESH-${given}` }));
}

/** Refuses a client, and repeats all that it has sent. */
async function refuseToken(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let form = '';
  for await (const chunk of request) form += String(chunk);
  response.writeHead(400, { 'content-type': 'application/json' });
  const { authorization } = request.headers;
  response.end(JSON.stringify({ error: 'invalid_client', error_description: `${form} ${authorization}` }));
}

export interface HostileServer {
  readonly url: string;
  /** The paths that were asked for. */
  readonly asked: string[];
  /** The connections that are open now. */
  open(): number;
  stop(): Promise<void>;
}

/** A service on a free port of this machine that behaves as the first word of a path says. */
export async function startHostileServer(): Promise<HostileServer> {
  const asked: string[] = [];
  let open = 0;
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (request.url === '/login/token') return giveToken(response, asked.length);
    if (request.url === '/login/refuses') return void refuseToken(request, response);
    const [, , name = ''] = (request.url ?? '').split(/[/?]/);
    (BEHAVIOURS[name] ?? ((_request, answer) => answer.writeHead(404).end()))(request, response);
  });
  server.on('connection', (socket) => {
    open++;
    socket.once('close', () => open--);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/api/`,
    asked,
    open: () => open,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
