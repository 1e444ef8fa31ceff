import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Another site on this machine: the callback of a client, or a page of somebody who means ill. */
export class LoopbackSite {
  /** The paths with queries that a browser has asked for, in order. */
  readonly asked: string[] = [];
  readonly #pages = new Map<string, { status: number; headers: Record<string, string>; body: string }>();
  readonly #server: Server = createServer((request, response) => {
    const url = request.url ?? '/';
    // Browsers ask for it by themselves.
    if (url === '/favicon.ico') {
      response.writeHead(204).end();
      return;
    }
    this.asked.push(url);
    const [path = ''] = url.split('?');
    const { status, headers, body } = this.#pages.get(path) ?? { status: 404, headers: {}, body: 'nothing' };
    response.writeHead(status, { 'content-type': 'text/html', ...headers }).end(body);
  });

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  origin(hostname = '127.0.0.1'): string {
    return `http://${hostname}:${(this.#server.address() as AddressInfo).port}`;
  }

  page(path: string, body: string): void {
    this.#pages.set(path, { status: 200, headers: {}, body });
  }

  redirect(path: string, location: string): void {
    this.#pages.set(path, { status: 302, headers: { location }, body: '' });
  }
}
