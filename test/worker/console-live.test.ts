import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { signToken } from '../../src/edge/auth/tokens.ts';
import { MAX_ROWS } from '../../src/edge/console/live-script.ts';
import type { TenantId, TokenId } from '../../src/tenant/contract/call.ts';
import { MAX_WATCHERS } from '../../src/tenant/streams/listeners.ts';
import { ALL_SCOPES } from '../../src/tools/families.ts';
import { eventsOf } from '../support/call-events.ts';
import { ConsoleBrowser } from '../support/console-browser.ts';
import { HttpTenant, operate } from '../support/http.ts';
import { isWithin } from '../support/within.ts';

/** The streams by which the pages of the console change while somebody looks at them. */

type Events = ReturnType<typeof eventsOf>;

async function signedIn() {
  const tenant = await HttpTenant.create({ scopes: [...ALL_SCOPES] });
  const browser = new ConsoleBrowser();
  await browser.signIn(tenant.token);
  return { tenant, browser, home: `/console/${tenant.id}` };
}

/** A session as the server signs it, which is over soon. */
function sessionCookie({ id, tokenId }: HttpTenant, expiresAt: number): Promise<string> {
  const { tokenKeys, publicUrl } = parseConfig({ ...env });
  const session = { tenant: id as TenantId, tokenId: tokenId as TokenId, expiresAt };
  return signToken(tokenKeys[0], `${publicUrl}/console`, session, Date.now());
}

/** Opens the stream of a page, from what the page says that it knows. */
async function watch(browser: ConsoleBrowser, path: string, after?: string) {
  const known = /data-after="(\d+)"/.exec(await browser.page(path))?.[1];
  const response = await browser.send('GET', path, {
    headers: { accept: 'text/event-stream', 'last-event-id': after ?? known },
  });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  return eventsOf(response);
}

async function nextOf(events: Events) {
  const { value } = await events.next();
  if (value === undefined) throw new Error('the stream has ended');
  return value;
}

const toolsOf = (html: unknown) =>
  [...String(html).matchAll(/<td class="c-args"><bdi class="clip">(.*?)<\/bdi>/g)].map(([, args]) => args);

describe('the page of calls', () => {
  test('is sent rows of what matches its filters, with codes for what cannot be seen, and resumes after them', async () => {
    const { tenant, browser, home } = await signedIn();
    const path = `${home}/calls?tool=blackboard_write`;
    const known = /data-after="(\d+)"/.exec(await browser.page(path))?.[1];
    await tenant.call('blackboard_write', { key: 'between', value: 1 });
    const events = await watch(browser, path, known);
    const first = await nextOf(events);
    expect([first.event, toolsOf(first.data)]).toEqual(['rows', ['key=between']]);
    await tenant.call('blackboard_read', { key: 'between' });
    await tenant.call('blackboard_write', { key: 'k', value: 1, by: '<i>\u202Eann' });
    const second = await nextOf(events);
    expect(toolsOf(second.data)).toHaveLength(1);
    expect(second.data).toContain('&lt;i&gt;⟨U+202E⟩ann');
    await events.return(undefined);
    for (const key of ['one', 'two']) await tenant.call('blackboard_write', { key, value: 1 });
    const resumed = await watch(browser, path, second.id);
    expect(toolsOf((await nextOf(resumed)).data)).toEqual(['key=two', 'key=one']);
    await resumed.return(undefined);
  });

  test('is not told of what people look at, so that looking makes no news', async () => {
    const { tenant, browser, home } = await signedIn();
    const events = await watch(browser, `${home}/calls`);
    await browser.page(`${home}/runs`);
    await tenant.call('blackboard_list');
    expect((await nextOf(events)).data).toContain('blackboard_list');
    await events.return(undefined);
    const { calls } = await operate('GET', `/tenants/${tenant.id}/calls?tool=records_follow`);
    expect(calls).toHaveLength(1);
  });

  test('is loaded again when it comes back and more has happened than it shows', async () => {
    const { tenant, browser, home } = await signedIn();
    for (let call = 0; call <= MAX_ROWS; call++) await tenant.call('blackboard_list');
    const events = await watch(browser, `${home}/calls`, '0');
    expect((await nextOf(events)).event).toBe('end');
    expect((await events.next()).done).toBe(true);
  });

  test('is not live where it shows only older calls', async () => {
    const { browser, home } = await signedIn();
    expect(await browser.page(`${home}/calls`)).toContain('data-live="rows"');
    expect(await browser.page(`${home}/calls?until=1h`)).not.toContain('data-live');
  });
});

describe('a stream of a page', () => {
  test('ends within a second when the token is revoked, and the page asks to sign in', async () => {
    const { tenant, browser, home } = await signedIn();
    const events = await watch(browser, `${home}/calls`);
    await operate('DELETE', `/tenants/${tenant.id}/tokens/${tenant.tokenId}`);
    const end = nextOf(events);
    expect(await isWithin(1000, end)).toBe(true);
    expect((await end).event).toBe('end');
    const again = await browser.send('GET', `${home}/calls`, { headers: { accept: 'text/event-stream' } });
    expect(again.status).toBe(401);
  });

  test('ends with the session, before its token: calls and boards', async () => {
    const { tenant, browser, home } = await signedIn();
    const now = Date.now();
    browser.keep(tenant.id, await sessionCookie(tenant, now + 2000));
    const streams = [await watch(browser, `${home}/calls`), await watch(browser, `${home}/boards`)];
    const ended = await Promise.all(streams.map((events) => events.next()));
    expect(ended.map(({ value }) => value?.event)).toEqual(['end', undefined]);
    expect(Date.now()).toBeGreaterThanOrEqual(now + 1000);
    expect((await browser.get(`${home}/calls`)).status).toBe(401);
  });

  test('tells of a run that goes on, of runs, and of the boards and cells that are shown', async () => {
    const { tenant, browser, home } = await signedIn();
    await tenant.call('blackboard_write', { run_id: 'a', key: 'k', value: 1 });
    const { runs } = await operate('GET', `/tenants/${tenant.id}/runs`);
    const paths = ['runs', `runs/${runs[0].run}`, 'boards', 'board?board=a', 'cell?board=a&key=k'];
    const other = ['board?board=b', 'cell?board=a&key=l'];
    const streams = await Promise.all(paths.map((path) => watch(browser, `${home}/${path}`)));
    const quiet = await Promise.all(other.map((path) => watch(browser, `${home}/${path}`)));
    await tenant.call('blackboard_write', { run_id: 'a', key: 'k', value: 2 });
    for (const events of streams) expect((await nextOf(events)).event).toBe('changed');
    await tenant.call('blackboard_write', { run_id: 'b', key: 'l', value: 1 });
    await tenant.call('blackboard_write', { run_id: 'a', key: 'l', value: 1 });
    // Of their own cells only: the first event is that of the later write.
    for (const events of quiet) expect(Number((await nextOf(events)).id)).toBeGreaterThan(2);
    for (const events of [...streams, ...quiet]) await events.return(undefined);
  });

  test('of a page that is not live is the page', async () => {
    const { browser, home } = await signedIn();
    const response = await browser.send('GET', `${home}/failures`, {
      headers: { accept: 'text/event-stream' },
    });
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'text/html; charset=UTF-8',
    ]);
    await response.body?.cancel();
  });
});

describe('the operator', () => {
  test('sees calls and runs of a tenant as they end, opened by one recorded look', async () => {
    const tenant = await HttpTenant.create();
    const operator = new ConsoleBrowser();
    await operator.signInAsOperator({ name: 'ann' });
    const home = `/console/@operator/tenants/${tenant.id}`;
    await tenant.call('blackboard_write', { key: 'before', value: 1 });
    const { runs } = await operate('GET', `/tenants/${tenant.id}/runs`);
    const calls = await watch(operator, `${home}/calls?tool=blackboard_write`);
    const pages = await Promise.all(
      ['runs', `runs/${runs[0].run}`].map((path) => watch(operator, `${home}/${path}`)),
    );
    // What they know already they have not said.
    for (const events of pages) expect((await nextOf(events)).event).toBe('changed');
    await operator.page(`${home}/boards`);
    await tenant.call('blackboard_write', { key: 'after', value: 1 });
    const rows = await nextOf(calls);
    expect([rows.event, toolsOf(rows.data)]).toEqual(['rows', ['key=after']]);
    expect(rows.data).toContain(`${home}/runs/`);
    for (const events of pages) expect((await nextOf(events)).event).toBe('changed');
    for (const events of [calls, ...pages]) await events.return(undefined);
    const looks = await operate('GET', `/tenants/${tenant.id}/calls?tool=records_follow&internal=true`);
    expect(looks.calls).toHaveLength(3);
    expect(looks.calls[0]).toMatchObject({ token_id: 'operator', args: { by: 'ann' } });
    expect(await operator.page(`${home}/boards`)).not.toContain('data-live');
  });

  test('has no stream without a session, and one too many is opened later and not loaded again', async () => {
    const tenant = await HttpTenant.create();
    const path = `/console/@operator/tenants/${tenant.id}/calls`;
    const accept = { headers: { accept: 'text/event-stream' } };
    expect((await new ConsoleBrowser().send('GET', path, accept)).status).toBe(401);
    const operator = new ConsoleBrowser();
    await operator.signInAsOperator();
    const streams = await Promise.all(Array.from({ length: MAX_WATCHERS }, () => watch(operator, path)));
    // The script of the page tries again after this status.
    expect((await operator.send('GET', path, accept)).status).toBe(503);
    for (const events of streams) await events.return(undefined);
  });
});
