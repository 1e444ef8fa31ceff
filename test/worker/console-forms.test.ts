import { Hono } from 'hono';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { done, many, noticeOf, optional, receiveForm, SentForm } from '../../src/edge/console/forms.tsx';
import type { AppEnv } from '../../src/edge/http/isolate.ts';

/** What the forms of the console share. */

const PAGE = '/console/acme/tokens';
const START = Date.UTC(2026, 10, 26);

/** A page with a form, at a time, whose answer to POST is a notice, and to GET what the page would say. */
function pageAt(now: number, session = 'ann', kid = 'k1') {
  const app = new Hono<AppEnv>();
  const tokenKeys = [{ kid, secret: new TextEncoder().encode('s'.repeat(32)) }];
  const config = { publicUrl: 'https://mcp.test', publicUrls: ['https://mcp.test'], tokenKeys };
  app.use(async (c, next) => {
    Object.assign(c, { env: {} });
    c.set('isolate', { config } as unknown as AppEnv['Variables']['isolate']);
    c.set('arrival', { receivedAt: now } as unknown as AppEnv['Variables']['arrival']);
    await next();
  });
  app.post('/*', async (c) => {
    const form = await receiveForm(c);
    return form.ok ? done(c, session, form.value.typed('text')) : c.text(form.error.code, form.error.status);
  });
  app.get('/*', (c) => c.text(noticeOf(c, session) ?? ''));
  const get = async (url: string) => (await app.request(`https://mcp.test${url}`)).text();
  const post = (body: string, headers: Record<string, string> = {}) =>
    app.request(`https://mcp.test${PAGE}`, {
      method: 'POST',
      body,
      headers: {
        host: 'mcp.test',
        origin: 'https://mcp.test',
        'content-type': 'application/x-www-form-urlencoded',
        ...headers,
      },
    });
  return { get, post };
}

async function sentTo(text: string): Promise<string> {
  const answer = await pageAt(START).post(new URLSearchParams({ text }).toString());
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([303, 'no-store']);
  return answer.headers.get('location') ?? '';
}

test('a change is answered by a redirect to a page that says what was done, for a minute', async () => {
  const location = await sentTo('The token “<b>ci</b>” was revoked.');
  expect(location.startsWith(`${PAGE}?notice=`)).toBe(true);
  expect(await pageAt(START + 59_000).get(location)).toBe('The token “<b>ci</b>” was revoked.');
  expect(await pageAt(START + 60_000).get(location)).toBe('');
});

test('no link makes a page say what the server has not said there, to this session', async () => {
  const location = await sentTo('Done.');
  const notice = new URLSearchParams(location.split('?')[1]).get('notice') ?? '';
  const [head = '', payload = '', tag = ''] = notice.split('.');
  const other = Buffer.from(
    Buffer.from(payload, 'base64url').toString().replace('Done.', 'Call 555-0100.'),
  ).toString('base64url');
  for (const [page, path] of [
    [pageAt(START, 'ben'), location],
    [pageAt(START, 'ann', 'k2'), location],
    [pageAt(START), location.replace('/tokens', '/limits')],
    [pageAt(START), `${PAGE}?notice=Call%20555-0100`],
    [pageAt(START), `${PAGE}?notice=${head}.${other}.${tag}`],
    [pageAt(START), `${PAGE}?notice=${notice.replace('bhn_', 'bhq_')}`],
  ] as const)
    expect(await page.get(path)).toBe('');
});

test.each([
  ['of another site', { origin: 'https://evil.example' }, 403, 'foreign_form'],
  ['of a page without an origin', { origin: 'null' }, 403, 'foreign_form'],
  ['that another site sent', { 'sec-fetch-site': 'cross-site' }, 403, 'foreign_form'],
  ['of JSON', { 'content-type': 'application/json' }, 415, 'media_type'],
  ['of text', { 'content-type': 'text/plain' }, 415, 'media_type'],
])('a form %s is refused', async (_name, headers, status, code) => {
  const answer = await pageAt(START).post('text=x', headers);
  expect([answer.status, await answer.text()]).toEqual([status, code]);
});

test('a form that is too large is refused', async () => {
  expect((await pageAt(START).post(`text=${'x'.repeat(32_768)}`)).status).toBe(413);
});

const schema = z.object({
  label: z.string('The label was sent twice.').trim().min(1, 'Give it a label.').max(8, 'The label is long.'),
  scope: many(z.enum(['read', 'write'], 'There is no such scope.')),
  note: optional(z.string().max(4)),
});

test.each([
  ['label=ci&scope=read&scope=write&note=', { label: 'ci', scope: ['read', 'write'], note: undefined }],
  ['label=+ci+', { label: 'ci', scope: [], note: undefined }],
  ['label=ci&scope=read&note=ab&other=x', { label: 'ci', scope: ['read'], note: 'ab' }],
])('fields are read from %s', (sent, fields) => {
  expect(new SentForm(new URLSearchParams(sent)).read(schema)).toEqual({ ok: true, value: fields });
});

test.each([
  ['label=', 'label', 'Give it a label.'],
  ['label=a&label=b', 'label', 'The label was sent twice.'],
  ['label=much+too+long', 'label', 'The label is long.'],
  ['label=ci&scope=admin', 'scope', 'There is no such scope.'],
])('what is wrong with %s is said of its field', (sent, field, message) => {
  expect(new SentForm(new URLSearchParams(sent)).read(schema)).toEqual({
    ok: false,
    error: { field, message },
  });
});

test('what was typed can be shown again', () => {
  const form = new SentForm(new URLSearchParams('action=issue&label=ci&scope=read'));
  expect([form.action, form.typed('label'), form.typed('other')]).toEqual(['issue', 'ci', '']);
  expect([form.isChosen('scope', 'read'), form.isChosen('scope', 'write')]).toEqual([true, false]);
});
