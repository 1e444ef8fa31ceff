import { afterEach, beforeEach, describe, expect, type Mock, test, vi } from 'vitest';
import { MAX_DOCUMENT_BYTES } from '../../src/edge/oauth/client-documents.ts';
import { HandClient, tokensOf } from '../support/oauth-person.ts';
import { fetchHere, newBrowser, newMember, ORIGIN } from '../support/oauth-worker.ts';
import { fetchWith } from '../support/worker-with.ts';

/** Clients whose id is the URL of a document. The documents are served by the test, in place of the internet. */

let fetched: Mock<typeof fetch>;
let answer: (url: string) => Response | Promise<Response>;
beforeEach(() => {
  fetched = vi.fn(async (input) => answer(String(input)));
  vi.stubGlobal('fetch', fetched);
});
afterEach(() => void vi.unstubAllGlobals());

let apps = 0;
/** The URL of a document that no test has asked for yet. */
const newUrl = () => `https://app-${++apps}.client.example/oauth/client.json`;

const documentAt = (url: string, members: Record<string, unknown> = {}) => ({
  client_id: url,
  client_name: 'Desk',
  redirect_uris: ['https://client.example/callback', 'http://localhost/callback'],
  ...members,
});
const serve = (members: Record<string, unknown> = {}, headers: Record<string, string> = {}) => {
  answer = (url) => Response.json(documentAt(url, members), { headers });
};
const clientAt = (id: string, redirectUri = 'https://client.example/callback') =>
  new HandClient(ORIGIN, fetchHere, { client_id: id }, redirectUri);

describe('a client with a document', () => {
  test('is known by the host that serves it, and goes the whole way without a registration', async () => {
    serve();
    const member = await newMember();
    const client = clientAt(newUrl());
    const browser = newBrowser();
    const page = await browser.open(client.authorizeUrl());
    expect(page.text).toContain(`An app of ${new URL(client.id).hostname} , which calls itself “ Desk ”`);
    expect(page.text).toContain('Your answer is sent to client.example');
    const code = await client.code(browser, member.key);
    const tokens = await tokensOf(await client.redeem(code));
    expect((await client.refresh(tokens.refresh_token)).status).toBe(200);
    // Nothing but the page needs the document.
    expect(fetched).toHaveBeenCalledTimes(1);
  });

  test('may use whatever port of this machine is free', async () => {
    serve();
    const client = clientAt(newUrl(), 'http://localhost:51234/callback');
    const page = await newBrowser().open(client.authorizeUrl());
    expect(page.text).toContain('a program on this machine');
  });

  test('is asked for without following a redirect, and for a bounded time', async () => {
    serve();
    await newBrowser().open(clientAt(newUrl()).authorizeUrl());
    const [, init] = fetched.mock.calls[0] ?? [];
    expect(init).toMatchObject({ redirect: 'manual', signal: expect.any(AbortSignal) });
  });

  test('of which the document prefers a method that is not served, but has none too, is served', async () => {
    serve({
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
    });
    expect((await newBrowser().open(clientAt(newUrl()).authorizeUrl())).status).toBe(200);
  });

  test.each([
    ['no-store', 60_000],
    ['max-age=600', 600_000],
    ['public, max-age=999999', 3_600_000],
  ])('is believed under Cache-Control: %s for %i ms', async (control, ms) => {
    vi.useFakeTimers({ toFake: ['Date'] });
    serve({}, { 'cache-control': control });
    const client = clientAt(newUrl());
    const ask = async () => newBrowser().open(client.authorizeUrl());
    const since = Date.now();
    await ask();
    vi.setSystemTime(since + ms - 1);
    await ask();
    expect(fetched).toHaveBeenCalledTimes(1);
    vi.setSystemTime(since + ms);
    await ask();
    expect(fetched).toHaveBeenCalledTimes(2);
  });

  test('is let in by OAUTH_CLIENTS by the host of its document alone', async () => {
    serve();
    const [listed, other] = [clientAt(newUrl()), clientAt(newUrl())];
    const bindings = { OAUTH_CLIENTS: new URL(listed.id).hostname };
    const open = async (client: HandClient) => {
      const { pathname, search } = client.authorizeUrl();
      const response = await fetchWith(bindings, `${pathname}${search}`);
      return [response.status, (await response.text()).includes('does not let this app ask')];
    };
    expect([await open(listed), await open(other)]).toEqual([
      [200, false],
      [400, true],
    ]);
  });
});

describe('is refused, and nothing is fetched', () => {
  test.each([
    'http://client.example/c.json',
    'https://client.example',
    'https://client.example/',
    'https://client.example:8443/c.json',
    'https://user:password@client.example/c.json',
    'https://client.example/c.json#part',
    'https://client.example/a/../c.json',
    'https://client.example/./c.json',
    'https://CLIENT.example/c.json',
    'https://client.example./c.json',
    'https://client/c.json',
    'https://localhost/c.json',
    'https://app.localhost/c.json',
    'https://printer.local/c.json',
    'https://db.internal/c.json',
    'https://router.home.arpa/c.json',
    'https://127.0.0.1/c.json',
    'https://127.1/c.json',
    'https://2130706433/c.json',
    'https://0x7f000001/c.json',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/c.json',
    'https://[::ffff:10.0.0.1]/c.json',
    'https://mcp.test/docs/clients.md',
    `https://client.example/${'a'.repeat(2048)}`,
    'file:///etc/passwd',
    'javascript:alert(1)',
  ])('%s', async (id) => {
    serve();
    const page = await newBrowser().open(clientAt(id).authorizeUrl());
    expect([page.status, page.title, page.links, page.goesTo]).toEqual([
      400,
      'This cannot go on',
      [],
      undefined,
    ]);
    expect(fetched).not.toHaveBeenCalled();
  });
});

describe('a document is refused', () => {
  const long = 'x'.repeat(MAX_DOCUMENT_BYTES);
  test.each<[string, (url: string) => Response | Promise<Response>]>([
    ['that is not there', () => new Response('{}', { status: 404 })],
    ['that is elsewhere', () => Response.redirect('https://other.example/c.json', 302)],
    [
      'that is a page',
      (url) => new Response(JSON.stringify(documentAt(url)), { headers: { 'content-type': 'text/html' } }),
    ],
    ['that is no JSON', () => new Response('{', { headers: { 'content-type': 'application/json' } })],
    [
      'that is not UTF-8',
      () => new Response(new Uint8Array([0xff, 0xfe]), { headers: { 'content-type': 'application/json' } }),
    ],
    ['that is an array', () => Response.json([])],
    ['that is too long', (url) => Response.json(documentAt(url, { client_name: long }))],
    ['of another client', (url) => Response.json(documentAt(`${url}x`))],
    ['with a secret', (url) => Response.json(documentAt(url, { client_secret: 'hunter2' }))],
    [
      'of a client that has to prove itself',
      (url) => Response.json(documentAt(url, { token_endpoint_auth_method: 'private_key_jwt' })),
    ],
    ['without redirect URIs', (url) => Response.json(documentAt(url, { redirect_uris: [] }))],
    [
      'with too many of them',
      (url) => Response.json(documentAt(url, { redirect_uris: Array(17).fill('https://a.example/') })),
    ],
    ['that never comes', () => Promise.reject(new DOMException('late', 'TimeoutError'))],
  ])('%s', async (_name, served) => {
    answer = served;
    const client = clientAt(newUrl());
    const page = await newBrowser().open(client.authorizeUrl());
    expect([page.status, page.links, page.goesTo]).toEqual([400, [], undefined]);
    expect(page.text).toContain('cannot be read');
    await newBrowser().open(client.authorizeUrl());
    expect(fetched).toHaveBeenCalledTimes(1);
  });

  test('whose redirect URI is not the one that is asked for, or is none to send anybody to', async () => {
    serve({
      redirect_uris: ['javascript:alert(1)', 'http://client.example/callback', 'https://client.example/ok'],
    });
    for (const uri of [
      'https://client.example/callback',
      'javascript:alert(1)',
      'http://client.example/callback',
    ]) {
      const page = await newBrowser().open(clientAt(newUrl(), uri).authorizeUrl());
      expect([page.status, page.links]).toEqual([400, []]);
    }
  });
});
