import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { VERSION } from '../../src/version.ts';
import { HttpTenant, jsonOf, send } from '../support/http.ts';

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8';
const ask = (accept: string | undefined, method = 'GET') => send('/', { method, headers: { accept } });

describe('GET /', () => {
  test.each([BROWSER, 'text/html', 'text/html, application/json;q=0.9'])(
    'is a page for Accept: %s',
    async (accept) => {
      const response = await ask(accept);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('text/html; charset=UTF-8');
      expect(await response.text()).toContain('<h1>Bulkhead</h1>');
    },
  );

  test.each([
    undefined,
    '*/*',
    'application/json',
    'application/json, text/html',
    'text/html;q=0.5, application/json',
    'text/html;q=0, */*',
    'image/png',
    '',
    ';;;',
  ])('is JSON for Accept: %s', async (accept) => {
    const response = await ask(accept);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await jsonOf(response)).toMatchObject({
      name: 'Bulkhead',
      version: VERSION,
      mcp_url: 'https://mcp.test/mcp',
    });
  });

  test('tells caches that the answer depends on Accept', async () => {
    expect((await ask(BROWSER)).headers.get('vary')).toBe('Accept');
    expect((await ask('*/*')).headers.get('vary')).toBe('Accept');
  });

  test.each([BROWSER, '*/*'])('has no body for HEAD, and the headers of GET (Accept: %s)', async (accept) => {
    const head = await ask(accept, 'HEAD');
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(head.headers.get('content-type')).toBe((await ask(accept)).headers.get('content-type'));
  });

  test('the page may load its own style sheet, and nothing else', async () => {
    const response = await ask(BROWSER);
    const text = await response.text();
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(text) ?? [];
    const digest = createHash('sha256').update(style).digest('base64');
    expect(response.headers.get('content-security-policy')).toBe(
      `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(text).not.toMatch(/<script|style=|\son\w+=|https?:\/\/(?!mcp\.test\/mcp)/);
  });

  test('both forms link to what there is, and each link answers', async () => {
    const { links } = await jsonOf(await ask('*/*'));
    const text = await (await ask(BROWSER)).text();
    const hrefs = [...text.matchAll(/href="([^"]+)"/g)].map(([, href]) => href);
    expect(hrefs).toEqual(links.map(({ url }: { url: string }) => url.replace('https://mcp.test', '')));
    expect(hrefs).toEqual(expect.arrayContaining(['/docs/clients.md', '/openapi.json', '/health']));
    for (const href of hrefs) expect([href, (await send(href ?? '')).status]).toEqual([href, 200]);
  });

  test('is the same for every caller, whatever credential is sent', async () => {
    const { token, id } = await HttpTenant.create();
    const authorization = `Bearer ${token}`;
    for (const accept of [BROWSER, '*/*']) {
      const text = await (await send('/', { headers: { accept, authorization } })).text();
      expect(text).toBe(await (await ask(accept)).text());
      expect(text).not.toContain(id);
    }
  });

  test('is not served under another name, nor for another method', async () => {
    expect((await send('/', { headers: { accept: BROWSER, host: 'evil.test' } })).status).toBe(403);
    for (const method of ['POST', 'PUT', 'DELETE']) {
      expect([method, (await send('/', { method, headers: { accept: BROWSER } })).status]).toEqual([
        method,
        404,
      ]);
    }
  });
});

describe('GET /docs', () => {
  test('is a document as text, which a browser shows and does not interpret', async () => {
    const response = await send('/docs/clients.md');
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await response.text()).toMatch(/^# /);
  });

  test.each(['/docs', '/docs/', '/docs/operating.md', '/docs/constructor', '/docs/..%2fREADME.md'])(
    '%s is a JSON 404',
    async (path) => {
      const response = await send(path);
      expect(response.status).toBe(404);
      expect(await jsonOf(response)).toMatchObject({ code: 'not_found' });
    },
  );
});
