import { createHash, randomBytes } from 'node:crypto';
import * as z from 'zod';

/**
 * A person at a browser, and a client that sends the person there: what the sign-in is tested with. The browser keeps
 * cookies, reads forms, and goes nowhere by itself.
 */

/** Sends a request; a redirect is never followed. */
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
const unescapeHtml = (text: string) =>
  text.replace(/&(#?\w+);/g, (all, name: string) => ENTITIES[name] ?? all);

/** One page as the browser shows it. */
export class ShownPage {
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;

  constructor(response: Response, html: string) {
    this.status = response.status;
    this.headers = response.headers;
    this.html = html;
  }

  static async of(response: Response): Promise<ShownPage> {
    return new ShownPage(response, await response.text());
  }

  get title(): string {
    return unescapeHtml(/<title>([^<]*)<\/title>/.exec(this.html)?.[1] ?? '');
  }

  /** The text without markup. */
  get text(): string {
    const [, main = ''] = /<main>([\s\S]*)<\/main>/.exec(this.html) ?? [];
    return unescapeHtml(main.replace(/<[^>]*>/g, ' '))
      .replace(/\s+/g, ' ')
      .trim();
  }

  /** Where the page sends the browser by itself. */
  get goesTo(): URL | undefined {
    const [, target] = /http-equiv="refresh" content="0;url=([^"]*)"/.exec(this.html) ?? [];
    return target === undefined ? undefined : new URL(unescapeHtml(target));
  }

  get links(): string[] {
    return [...this.html.matchAll(/<a [^>]*href="([^"]*)"/g)].map(([, href = '']) => unescapeHtml(href));
  }

  /** The values of all inputs of a name. */
  values(name: string): string[] {
    return [...this.html.matchAll(/<input [^>]*>/g)]
      .map(([input]) => input)
      .filter((input) => input.includes(` name="${name}"`))
      .map((input) => unescapeHtml(/ value="([^"]*)"/.exec(input)?.[1] ?? ''));
  }
}

export class Browser {
  readonly origin: string;
  readonly cookies = new Map<string, string>();
  readonly #fetch: Fetch;

  constructor(origin: string, fetch: Fetch) {
    this.origin = origin;
    this.#fetch = fetch;
  }

  async open(url: string | URL, headers: Record<string, string> = {}): Promise<ShownPage> {
    return this.#request(String(url), { headers });
  }

  /** Sends a form, as a page of this server does unless the headers say otherwise. */
  async submit(
    fields: readonly (readonly [string, string])[],
    headers: Record<string, string | undefined> = {},
  ): Promise<ShownPage> {
    const sent = { origin: this.origin, 'sec-fetch-site': 'same-origin', ...headers };
    return this.#request(`${this.origin}/authorize`, {
      method: 'POST',
      body: new URLSearchParams(fields.map(([name, value]): [string, string] => [name, value])).toString(),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        ...Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== undefined)),
      } as Record<string, string>,
    });
  }

  /** Presses a button of a page, with the hidden fields of its form. */
  press(page: ShownPage, action: string, ...fields: (readonly [string, string])[]): Promise<ShownPage> {
    const [request = ''] = page.values('request');
    return this.submit([['request', request], ['action', action], ...fields]);
  }

  signIn(page: ShownPage, key: string): Promise<ShownPage> {
    return this.press(page, 'sign_in', ['key', key]);
  }

  /** Allows what the page offers, or the given scopes, for the first member that it shows. */
  allow(page: ShownPage, scopes = page.values('scope'), as = page.values('as')[0] ?? ''): Promise<ShownPage> {
    return this.press(page, 'allow', ['as', as], ...scopes.map((scope) => ['scope', scope] as const));
  }

  async #request(url: string, init: RequestInit & { headers: Record<string, string> }): Promise<ShownPage> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await this.#fetch(url, {
      ...init,
      redirect: 'manual',
      headers: { ...init.headers, ...(cookie === '' ? {} : { cookie }) },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      this.cookies.set(name, value);
    }
    return ShownPage.of(response);
  }
}

const registration = z.object({ client_id: z.string(), client_secret: z.string().optional() });

const tokensSchema = z.object({
  access_token: z.string(),
  refresh_token: z.string(),
  expires_in: z.number(),
  scope: z.string(),
});
export type Tokens = z.infer<typeof tokensSchema>;

/** The tokens of an answer; fails the test when it is none. */
export const tokensOf = async (answer: Response): Promise<Tokens> => tokensSchema.parse(await answer.json());

/** A client that talks to the authorization server by hand, so that a test can send anything. */
export class HandClient {
  readonly origin: string;
  readonly id: string;
  readonly secret: string | undefined;
  readonly redirectUri: string;
  readonly verifier = randomBytes(32).toString('base64url');
  readonly state = randomBytes(8).toString('hex');
  readonly #fetch: Fetch;

  constructor(origin: string, fetch: Fetch, registered: z.infer<typeof registration>, redirectUri: string) {
    this.origin = origin;
    this.#fetch = fetch;
    this.id = registered.client_id;
    this.secret = registered.client_secret;
    this.redirectUri = redirectUri;
  }

  static async register(
    origin: string,
    fetch: Fetch,
    metadata: Record<string, unknown> = {},
  ): Promise<HandClient> {
    const redirectUri = 'https://client.example/callback';
    const body = {
      redirect_uris: [redirectUri],
      client_name: 'Test client',
      token_endpoint_auth_method: 'none',
      ...metadata,
    };
    const response = await fetch(`${origin}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (response.status !== 201) throw new Error(`/register: ${response.status} ${await response.text()}`);
    const registered = registration.parse(await response.json());
    return new HandClient(origin, fetch, registered, String([body.redirect_uris].flat()[0]));
  }

  get challenge(): string {
    return createHash('sha256').update(this.verifier).digest('base64url');
  }

  /** The URL that the client sends the person to; a parameter that is undefined is left out. */
  authorizeUrl(parameters: Record<string, string | undefined> = {}): URL {
    const url = new URL(`${this.origin}/authorize`);
    const all = {
      response_type: 'code',
      client_id: this.id,
      redirect_uri: this.redirectUri,
      code_challenge: this.challenge,
      code_challenge_method: 'S256',
      state: this.state,
      resource: `${this.origin}/mcp`,
      ...parameters,
    };
    for (const [name, value] of Object.entries(all))
      if (value !== undefined) url.searchParams.set(name, value);
    return url;
  }

  post(path: string, fields: Record<string, string | undefined>, headers: Record<string, string> = {}) {
    const sent = Object.entries({ client_id: this.id, ...this.#secretField(headers), ...fields });
    return this.#fetch(`${this.origin}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(
        sent.filter((field): field is [string, string] => field[1] !== undefined),
      ).toString(),
    });
  }

  redeem(code: string, fields: Record<string, string | undefined> = {}): Promise<Response> {
    return this.post('/token', {
      grant_type: 'authorization_code',
      code,
      code_verifier: this.verifier,
      redirect_uri: this.redirectUri,
      ...fields,
    });
  }

  refresh(refreshToken: string, fields: Record<string, string | undefined> = {}): Promise<Response> {
    return this.post('/token', { grant_type: 'refresh_token', refresh_token: refreshToken, ...fields });
  }

  /** A code that the person has granted. */
  async code(
    browser: Browser,
    key: string,
    parameters: Record<string, string | undefined> = {},
    scopes?: string[],
  ): Promise<string> {
    const asked = await browser.open(this.authorizeUrl(parameters));
    const consent = asked.values('key').length > 0 ? await browser.signIn(asked, key) : asked;
    const done = await browser.allow(consent, scopes);
    const code = done.goesTo?.searchParams.get('code');
    if (code === null || code === undefined) throw new Error(`no code: ${done.status} ${done.text}`);
    return code;
  }

  async tokens(
    browser: Browser,
    key: string,
    parameters: Record<string, string | undefined> = {},
    scopes?: string[],
  ): Promise<Tokens> {
    return tokensOf(await this.redeem(await this.code(browser, key, parameters, scopes)));
  }

  #secretField(headers: Record<string, string>) {
    return this.secret === undefined || 'authorization' in headers ? {} : { client_secret: this.secret };
  }
}
