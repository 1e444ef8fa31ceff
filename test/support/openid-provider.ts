import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** npm's `oidc-provider` on this machine, with accounts whose passwords nobody asks for. */

interface ProviderClass {
  new (
    issuer: string,
    configuration: object,
  ): { callback(): (req: IncomingMessage, res: ServerResponse) => void };
}

export const CLIENT_ID = 'bulkhead';
export const CLIENT_SECRET = 'a secret of the provider, only for tests'.replaceAll(' ', '-');

/** What the provider says of an account, by its name. */
const claimsOf = (id: string) => ({
  sub: id,
  email: `${id}@example.com`,
  email_verified: !id.startsWith('unverified'),
});

export class OpenIdServer {
  readonly issuer: string;
  readonly #server: Server;
  #handle: (req: IncomingMessage, res: ServerResponse) => void = (_, res) => void res.writeHead(503).end();

  private constructor(server: Server) {
    this.#server = server;
    this.#server.on('request', (req, res) => this.#handle(req, res));
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<OpenIdServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new OpenIdServer(server);
  }

  /** Begins to serve one client. Until then it answers 503. */
  async serve(...redirectUris: readonly string[]): Promise<void> {
    const name = 'oidc-provider';
    const { default: Provider } = (await import(name)) as { default: ProviderClass };
    const provider = new Provider(this.issuer, {
      clients: [{ client_id: CLIENT_ID, client_secret: CLIENT_SECRET, redirect_uris: redirectUris }],
      claims: { openid: ['sub'], email: ['email', 'email_verified'] },
      findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => claimsOf(id) }),
      cookies: { keys: ['only for tests'] },
      pkce: { required: () => true },
    });
    this.#handle = provider.callback();
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** A browser at the provider: the person signs in under an account and agrees. @returns where it is sent back to */
export async function signInAt(issuer: string, location: string, account: string): Promise<URL> {
  const cookies = new Map<string, string>();
  let url = new URL(location);
  let form: URLSearchParams | undefined;
  for (let step = 0; step < 20; step++) {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form === undefined ? {} : { method: 'POST', body: form }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    const next = response.headers.get('location');
    const html = await response.text();
    form = undefined;
    if (next !== null) {
      url = new URL(next, url);
      if (url.origin !== issuer) return url;
      continue;
    }
    const [, prompt = ''] = /name="prompt" value="(\w+)"/.exec(html) ?? [];
    const [, action = ''] = /<form [^>]*action="([^"]+)"/.exec(html) ?? [];
    if (prompt === '') throw new Error(`stuck at the provider: ${response.status} ${html.slice(0, 300)}`);
    url = new URL(action, url);
    form = new URLSearchParams({ prompt, login: account, password: 'any' });
  }
  throw new Error('the provider does not come to an end');
}
