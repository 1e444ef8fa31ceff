import { type Sent, send } from './http.ts';
import { TEST_SECRETS } from './secrets.ts';

const ORIGIN = 'https://mcp.test';
const OPERATOR_COOKIE = '__Host-bulkhead-operator';

/** A browser in front of the console, inside workerd: it keeps cookies, and follows nothing by itself. */
export class ConsoleBrowser {
  readonly #cookies = new Map<string, string>();

  signIn(
    token: string,
    fields: Record<string, string> = {},
    headers: Sent['headers'] = {},
  ): Promise<Response> {
    return this.post('/console', new URLSearchParams({ token, ...fields }).toString(), headers);
  }

  /** Signs in with the admin key. */
  signInAsOperator(fields: Record<string, string> = {}, headers: Sent['headers'] = {}): Promise<Response> {
    const form = new URLSearchParams({ key: TEST_SECRETS.ADMIN_KEY, ...fields });
    return this.post('/console/@operator', form.toString(), headers);
  }

  get(path: string): Promise<Response> {
    return this.send('GET', path);
  }

  /** The text of a page that is shown. */
  async page(path: string): Promise<string> {
    const response = await this.get(path);
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
    return text;
  }

  /** Sends a form, as a page of the server does. */
  post(path: string, body = '', headers: Sent['headers'] = {}): Promise<Response> {
    return this.send('POST', path, {
      headers: { origin: ORIGIN, 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body,
    });
  }

  async send(method: string, path: string, { headers = {}, ...sent }: Sent = {}): Promise<Response> {
    const response = await send(path, {
      ...sent,
      method,
      headers: { cookie: this.cookies || undefined, ...headers },
    });
    for (const set of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      if (value === '') this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }

  /** All of them, as a browser sends them. */
  get cookies(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** The session of a tenant. */
  cookie(tenant: string): string {
    return this.#cookies.get(`__Host-bulkhead-console-${tenant}`) ?? '';
  }

  /** The session of the operator. */
  get operatorCookie(): string {
    return this.#cookies.get(OPERATOR_COOKIE) ?? '';
  }

  keepOperator(value: string): void {
    this.#cookies.set(OPERATOR_COOKIE, value);
  }

  keep(tenant: string, value: string): void {
    this.keepCookie(`__Host-bulkhead-console-${tenant}`, value);
  }

  keepCookie(name: string, value: string): void {
    this.#cookies.set(name, value);
  }
}
