import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where the proxy sends what it gets. */
export interface Upstream {
  readonly url: string;
  readonly token: string;
}

export interface Proxy {
  readonly origin: string;
  /** Sends all requests from now on there. */
  forwardTo(upstream: Upstream): void;
  stop(): Promise<void>;
}

/**
 * A loopback proxy that adds the `Authorization` that the suite cannot send. Everything else, `Host` and `Origin` above
 * all, passes as it is, both ways as it comes; who leaves one end leaves the other too.
 */
export async function startProxy(): Promise<Proxy> {
  let upstream: Upstream | undefined;
  const server = createServer((incoming, outgoing) => {
    if (upstream === undefined) throw new Error('a request came before there was a server for it');
    const { hostname, port } = new URL(upstream.url);
    const forwarded = request(
      {
        hostname,
        port,
        method: incoming.method,
        path: incoming.url,
        headers: [...incoming.rawHeaders, 'Authorization', `Bearer ${upstream.token}`],
      },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        outgoing.flushHeaders();
        answer.pipe(outgoing);
        answer.on('error', () => outgoing.destroy());
      },
    );
    forwarded.on('error', () => outgoing.destroy());
    outgoing.on('close', () => forwarded.destroy());
    incoming.pipe(forwarded);
  });
  const origin = await listening(server);
  return {
    origin,
    forwardTo: (next) => {
      upstream = next;
    },
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function listening(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      // A server that listens on a port has such an address.
      const { port } = server.address() as AddressInfo;
      resolve(`http://127.0.0.1:${port}`);
    });
  });
}
