import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A refusal in place of the next answers. */
interface Refusal {
  readonly status: number;
  readonly error: string;
}

/**
 * An MCP endpoint with an authorization server of which a test decides everything. It checks what a client must send: PKCE,
 * the resource, the redirect URI. A test plays the person with `answer`.
 */
export class SignInServer {
  /** Paths and grant types of the requests to the authorization server, in order. */
  readonly requests: string[] = [];
  /** Replaces members of the two metadata documents; undefined removes one. */
  metadata: Record<string, unknown> = {};
  resourceMetadata: Record<string, unknown> = {};
  /** What `/token` answers instead of tokens. */
  refusal: Refusal | undefined;
  /** The only access tokens that the endpoint takes. */
  readonly valid = new Set<string>();
  readonly #challenges = new Map<string, string>();
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #issued = 0;

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): URL {
    return new URL('/mcp', this.origin);
  }

  count(request: string): number {
    return this.requests.filter((each) => each === request).length;
  }

  /** Goes back to the client as the browser does once the person has answered; undefined leaves a parameter out. */
  async answer(page: URL, parameters: Record<string, string | undefined> = {}): Promise<Response> {
    const asked = page.searchParams;
    const code = `code-${asked.get('code_challenge')}`;
    this.#challenges.set(code, asked.get('code_challenge') ?? '');
    const back = new URL(asked.get('redirect_uri') ?? '');
    const all = { code, state: asked.get('state') ?? '', iss: this.origin, ...parameters };
    for (const [name, value] of Object.entries(all))
      if (value !== undefined) back.searchParams.set(name, value);
    return fetch(back);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { pathname } = new URL(request.url ?? '', this.origin);
    const json = (status: number, value: unknown, headers: Record<string, string> = {}) =>
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(value));
    if (pathname.startsWith('/.well-known/')) return void json(...this.#document(pathname));
    if (pathname === '/mcp') return void this.#endpoint(request, body, json);
    const form = new URLSearchParams(body);
    this.requests.push(pathname === '/token' ? (form.get('grant_type') ?? '') : pathname);
    if (pathname === '/register') json(201, { ...JSON.parse(body), client_id: 'client-1' });
    else if (pathname === '/token') json(...this.#token(form));
    else if (pathname === '/revoke') json(200, {});
    else json(404, {});
  }

  #document(pathname: string): [number, unknown] {
    if (pathname === '/.well-known/oauth-protected-resource/mcp') {
      const document = { resource: this.url.href, authorization_servers: [this.origin] };
      return [200, { ...document, ...this.resourceMetadata }];
    }
    if (pathname !== '/.well-known/oauth-authorization-server' || this.metadata.issuer === null)
      return [404, {}];
    const document = {
      issuer: this.origin,
      authorization_endpoint: `${this.origin}/authorize`,
      token_endpoint: `${this.origin}/token`,
      registration_endpoint: `${this.origin}/register`,
      revocation_endpoint: `${this.origin}/revoke`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none'],
      authorization_response_iss_parameter_supported: true,
    };
    return [200, { ...document, ...this.metadata }];
  }

  #token(form: URLSearchParams): [number, unknown] {
    if (this.refusal !== undefined) return [this.refusal.status, { error: this.refusal.error }];
    if (form.get('resource') !== this.url.href) return [400, { error: 'invalid_target' }];
    if (form.get('grant_type') === 'authorization_code') {
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      const isFit = this.#challenges.get(form.get('code') ?? '') === challenge;
      if (!isFit || !form.get('redirect_uri')?.startsWith('http://127.0.0.1:'))
        return [400, { error: 'invalid_grant' }];
    } else if (form.get('refresh_token') !== `refresh-${this.#issued}`)
      return [400, { error: 'invalid_grant' }];
    const access_token = `access-${++this.#issued}`;
    this.valid.clear();
    this.valid.add(access_token);
    return [
      200,
      { access_token, refresh_token: `refresh-${this.#issued}`, token_type: 'Bearer', expires_in: 3600 },
    ];
  }

  #endpoint(
    request: IncomingMessage,
    body: string,
    json: (status: number, value: unknown, headers?: Record<string, string>) => void,
  ): void {
    const [, token = ''] = (request.headers.authorization ?? '').split(' ');
    const challenge = `Bearer scope="scar:read", resource_metadata="${this.origin}/.well-known/oauth-protected-resource/mcp"`;
    if (!this.valid.has(token)) json(401, {}, { 'www-authenticate': challenge });
    else json(200, { jsonrpc: '2.0', id: JSON.parse(body).id, result: { token } });
  }
}
