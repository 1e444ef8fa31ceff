import { beforeAll, describe, expect, test } from 'vitest';
import { pagesFor } from '../../src/edge/console/layout.tsx';
import { ALL_SCOPES } from '../../src/tools/families.ts';
import { ConsoleBrowser } from '../support/console-browser.ts';
import { admin, HttpTenant, jsonOf, operate, send } from '../support/http.ts';
import { bearer, call } from '../support/v1.ts';

/** The console as a browser without scripts meets it. */

let acme: HttpTenant;
let browser: ConsoleBrowser;

beforeAll(async () => {
  acme = await HttpTenant.create({ scopes: ['records:read', 'blackboard:read', 'blackboard:write'] });
  browser = new ConsoleBrowser();
  await browser.signIn(acme.token);
});

describe('signing in', () => {
  test('with a token leads to the first page that it may see, and sets a cookie that scripts cannot read', async () => {
    const fresh = new ConsoleBrowser();
    const signedIn = await fresh.signIn(acme.token);
    expect([signedIn.status, signedIn.headers.get('location')]).toEqual([303, `/console/${acme.id}`]);
    expect(signedIn.headers.get('set-cookie')).toMatch(
      new RegExp(
        `^__Host-bulkhead-console-${acme.id}=eyJ[^;]+; Max-Age=\\d+; Path=/; HttpOnly; Secure; SameSite=Lax$`,
      ),
    );
    expect((await fresh.get(`/console/${acme.id}`)).headers.get('location')).toBe(
      `/console/${acme.id}/calls`,
    );
    expect(await fresh.page(`/console/${acme.id}/calls`)).toContain('<h1>Calls</h1>');
    expect(await fresh.page('/console')).toContain(`<a href="/console/${acme.id}">${acme.id}</a>`);
  });

  test('leads back to the page that was asked for, and to no other place', async () => {
    const asked = await new ConsoleBrowser().get(`/console/${acme.id}/calls?outcome=bad`);
    expect(asked.status).toBe(401);
    expect(await asked.text()).toContain(`name="to" value="/console/${acme.id}/calls?outcome=bad"`);
    for (const [to, place] of [
      [`/console/${acme.id}/calls?outcome=bad`, `/console/${acme.id}/calls?outcome=bad`],
      ['https://evil.example/', `/console/${acme.id}`],
      ['//evil.example', `/console/${acme.id}`],
      ['/console/other/calls', `/console/${acme.id}`],
      [`/console/${acme.id}/\r\nx: y`, `/console/${acme.id}`],
    ] as const) {
      const signedIn = await new ConsoleBrowser().signIn(acme.token, { to });
      expect(signedIn.headers.get('location')).toBe(place);
    }
  });

  test.each([
    ['a token of nobody', () => 'eyJhbGciOiJIUzI1NiJ9.e30.x', 401, /not valid here/],
    ['nothing', () => '', 401, /not valid here/],
    ['the value of its own cookie', () => browser.cookie(acme.id), 401, /not valid here/],
  ])('is refused with %s', async (_name, token, status, words) => {
    const refused = await new ConsoleBrowser().signIn(token());
    expect(refused.status).toBe(status);
    expect(refused.headers.get('set-cookie')).toBeNull();
    const page = await refused.text();
    expect(page).toMatch(words);
    expect(page).toContain('role="alert"');
  });

  test('is refused by a suspended tenant, with the reason', async () => {
    const tenant = await HttpTenant.create();
    await operate('POST', `/tenants/${tenant.id}/suspend`);
    const refused = await new ConsoleBrowser().signIn(tenant.token);
    expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining('is suspended')]);
  });

  test.each([
    ['of another site', { origin: 'https://evil.example' }],
    ['of a page without an origin', { origin: 'null' }],
    ['without an origin', { origin: undefined }],
    ['that another site sent, by its own word', { 'sec-fetch-site': 'cross-site' }],
  ])('a form %s changes nothing', async (_name, headers) => {
    const refused = await new ConsoleBrowser().signIn(acme.token, {}, headers);
    expect([refused.status, refused.headers.get('set-cookie')]).toEqual([403, null]);
    const out = await browser.post(`/console/${acme.id}/sign-out`, '', headers);
    expect([out.status, out.headers.get('set-cookie')]).toEqual([403, null]);
  });

  test.each(['application/json', 'text/plain', 'multipart/form-data; boundary=x'])(
    'a body of %s is not a form',
    async (type) => {
      const refused = await new ConsoleBrowser().signIn(acme.token, {}, { 'content-type': type });
      expect([refused.status, refused.headers.get('set-cookie')]).toEqual([415, null]);
    },
  );

  test('too large a form is refused', async () => {
    expect((await new ConsoleBrowser().signIn('x'.repeat(40_000))).status).toBe(413);
  });

  test('guessing is fenced by address', async () => {
    const address = { 'cf-connecting-ip': '2001:db8:c0:1::1' };
    const answers = new Set<number>();
    for (let sent = 0; sent < 125 && !answers.has(429); sent++)
      answers.add((await new ConsoleBrowser().signIn('guess', {}, address)).status);
    expect([...answers]).toEqual([401, 429]);
  });
});

describe('a session', () => {
  test('is worth nothing at the API, and a token is worth nothing as a session', async () => {
    const cookie = browser.cookie(acme.id);
    const asBearer = { authorization: bearer(cookie) };
    expect((await call(cookie, 'blackboard_list')).status).toBe(401);
    expect((await send('/v1/records', { headers: asBearer })).status).toBe(401);
    expect((await send('/mcp', { method: 'POST', headers: asBearer, body: '{}' })).status).toBe(401);
    expect((await admin('GET', '/tenants', undefined, asBearer)).status).toBe(401);
    const forged = new ConsoleBrowser();
    forged.keep(acme.id, acme.token);
    expect((await forged.get(`/console/${acme.id}/calls`)).status).toBe(401);
  });

  test('is of one tenant: two are side by side in one browser, and the cookie of one opens no other', async () => {
    const other = await HttpTenant.create({ scopes: ['records:read'] });
    const both = new ConsoleBrowser();
    await both.signIn(acme.token);
    await both.signIn(other.token);
    for (const { id } of [acme, other])
      expect(await both.page(`/console/${id}/calls`)).toContain(`>${id}</span>`);
    const swapped = new ConsoleBrowser();
    swapped.keep(other.id, both.cookie(acme.id));
    expect((await swapped.get(`/console/${other.id}/calls`)).status).toBe(401);
    await both.post(`/console/${acme.id}/sign-out`);
    expect((await both.get(`/console/${acme.id}/calls`)).status).toBe(401);
    expect((await both.get(`/console/${other.id}/calls`)).status).toBe(200);
  });

  test('ends with its token', async () => {
    const issued = await HttpTenant.issue(acme.id, { scopes: ['records:read'] });
    const person = new ConsoleBrowser();
    await person.signIn(issued.token);
    await operate('DELETE', `/tenants/${acme.id}/tokens/${issued.tokenId}`);
    const ended = await person.get(`/console/${acme.id}/runs`);
    expect([ended.status, ended.headers.get('set-cookie')]).toEqual([
      401,
      expect.stringContaining('Max-Age=0'),
    ]);
    expect(await ended.text()).toMatch(/was revoked.*name="to" value="\/console\/[^"]*\/runs"/s);
  });

  test('sees the pages that its scopes allow, and is told what it lacks', async () => {
    const reader = await HttpTenant.issue(acme.id, { scopes: ['blackboard:read'] });
    const person = new ConsoleBrowser();
    await person.signIn(reader.token);
    const refused = await person.get(`/console/${acme.id}/calls`);
    const page = await refused.text();
    expect(refused.status).toBe(403);
    expect(page).toContain('The token lacks the scope records:read');
    expect(page).not.toContain(`href="/console/${acme.id}/runs"`);
  });
});

test('every page has the policy, and is not stored', async () => {
  for (const path of [
    '/console',
    `/console/${acme.id}/calls`,
    '/console/no/such/page',
    '/console/UPPER/calls',
  ]) {
    const { headers } = await browser.get(path);
    expect(headers.get('content-type')).toBe('text/html; charset=UTF-8');
    expect(headers.get('content-security-policy')?.split('; ').sort()).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
      "img-src 'self' data:",
      "require-trusted-types-for 'script'",
      "script-src 'self'",
      "style-src 'self'",
      'trusted-types console',
    ]);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('same-origin');
  }
});

test('nothing in a page is inline, and its stylesheet and script are served by paths that name their content', async () => {
  const page = await browser.page(`/console/${acme.id}/calls`);
  expect(page).not.toMatch(/\sstyle=|\son\w+=|<style|javascript:/i);
  const paths = [...page.matchAll(/(?:href|src)="(\/console\/assets\/[^"]+)"/g)].map(([, path = '']) => path);
  expect(paths).toHaveLength(2);
  for (const path of paths) {
    const { status, headers } = await send(path);
    expect([status, headers.get('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable']);
    expect(headers.get('content-type')).toMatch(path.endsWith('.css') ? /^text\/css/ : /^text\/javascript/);
  }
});

test('nothing is changed by looking, and nothing else is served', async () => {
  for (const path of ['/calls', '/runs', '/sign-out'])
    expect((await browser.send('PUT', `/console/${acme.id}${path}`)).status).toBe(405);
  expect((await browser.get('/console/no/such/page')).status).toBe(404);
  expect((await browser.get(`/console/${acme.id}/sign-out`)).status).toBe(405);
});

describe('calls and runs', () => {
  let id: string;
  let person: ConsoleBrowser;
  const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
  const traced = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` };

  beforeAll(async () => {
    const planner = await HttpTenant.create({
      scopes: ['records:read', 'blackboard:read', 'blackboard:write', 'scar:read'],
    });
    id = planner.id;
    person = new ConsoleBrowser();
    await person.signIn(planner.token);
    expect(await person.page(`/console/${id}/calls`)).toMatch(
      /No agent has called yet.*curl https:\/\/mcp\.test\/v1\/tools\/blackboard_write/s,
    );
    const write = { run_id: 'release', key: 'plan', value: 'not to be shown', by: 'ann' };
    await call(planner.token, 'blackboard_write', write, traced);
    await call(planner.token, 'blackboard_write', { ...write, if_rev: 0 }, traced);
    for (let times = 0; times < 6; times++)
      await call(planner.token, 'blackboard_read', { run_id: 'release', key: 'plan' }, traced);
    await call(planner.token, 'cache_stats', {}, traced);
  });

  /** Creating the tenant, setting its two limits, and issuing its token. */
  const OPERATOR_ACTIONS = 4;

  const rowsOf = (page: string) =>
    [...page.matchAll(/<tr>(?:(?!<\/tr>).)*c-tool.*?<\/tr>/gs)].map(([row]) =>
      [/c-tool[^>]*>(.*?)<\/td>/s, /c-status[^>]*>(.*?)<\/td>/s].map((part) =>
        (part.exec(row)?.[1] ?? '').replace(/<[^>]*>/g, ''),
      ),
    );

  test('are listed newest first, and without what people look at here', async () => {
    const page = await person.page(`/console/${id}/calls`);
    expect(rowsOf(page)).toEqual([
      ['cache_stats', 'insufficient_scope'],
      ...Array(6).fill(['blackboard_read', 'ok']),
      ['blackboard_write', 'conflict'],
      ['blackboard_write', 'created'],
      ...Array(OPERATOR_ACTIONS).fill(['admin', 'ok']),
    ]);
    expect(page).toContain('run_id=release key=plan');
    expect(page).toMatch(/<time datetime="\d{4}-\d\d-\d\dT[\d:.]+Z"/);
    expect(page).not.toContain('not to be shown');
  });

  test.each([
    ['outcome=bad', ['cache_stats insufficient_scope', 'blackboard_write conflict']],
    ['outcome=refused', ['cache_stats insufficient_scope']],
    ['tool=blackboard_write', ['blackboard_write conflict', 'blackboard_write created']],
    ['key=plan&outcome=bad', ['blackboard_write conflict']],
    ['key=other', []],
  ])('that match ?%s', async (query, expected) => {
    const page = await person.page(`/console/${id}/calls?${query}`);
    expect(rowsOf(page).map((row) => row.join(' '))).toEqual(expected);
    if (expected.length === 0) expect(page).toContain('No call matches these filters');
  });

  test('are folded when they are refusals that are alike', async () => {
    const busy = await HttpTenant.create({ scopes: ['records:read'] });
    const watcher = new ConsoleBrowser();
    await watcher.signIn(busy.token);
    await Promise.all(Array.from({ length: 9 }, () => call(busy.token, 'scar_list')));
    // They are counted for half a second.
    const folded = async () => rowsOf(await watcher.page(`/console/${busy.id}/calls`)).map(([, end]) => end);
    await expect.poll(folded).toContainEqual(expect.stringMatching(/^insufficient_scope ×[2-9]$/));
  });

  test('a filter that cannot be answered names itself', async () => {
    const refused = await person.get(`/console/${id}/calls?since=yesterday`);
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringMatching(/since.*such as 2026-11-26T14:00:00Z/),
    ]);
  });

  test('a run is a line of time with what was changed, calls that are alike folded, and its steps', async () => {
    const runs = await person.page(`/console/${id}/runs`);
    const paths = [...runs.matchAll(/data-row[^>]*href="([^"]+)"/g)].map(([, path = '']) => path);
    expect(paths).toHaveLength(1);
    const page = await person.page(paths[0] ?? '');
    expect(page).toContain(TRACE);
    expect(page).toMatch(/blackboard_read ×6/);
    expect(page).toMatch(/rev 1: set release\/plan/);
    expect(page).toMatch(/<svg[^>]*aria-hidden="true"/);
    const lost = await person.get(`/console/${id}/runs/999`);
    expect([lost.status, await lost.text()]).toEqual([404, expect.stringContaining('no run 999 is kept')]);
  });
});

describe('what agents know', () => {
  let id: string;
  let writer: HttpTenant;
  let person: ConsoleBrowser;

  /** The path of the first link that matches. */
  const linkIn = (page: string, pattern: RegExp) => (pattern.exec(page)?.[1] ?? '').replaceAll('&amp;', '&');
  const ROW = /data-row[^>]*href="([^"]+)"/;

  beforeAll(async () => {
    writer = await HttpTenant.create({ scopes: [...ALL_SCOPES] });
    id = writer.id;
    person = new ConsoleBrowser();
    await person.signIn(writer.token);
  });

  test('every page without data says what makes it show some', async () => {
    expect(await person.page(`/console/${id}/boards`)).toMatch(
      /No agent has written to a board.*curl https/s,
    );
    expect(await person.page(`/console/${id}/failures`)).toMatch(
      /No agent has recorded a failure.*scar_record/s,
    );
    expect(await person.page(`/console/${id}/cache`)).toMatch(/Nothing was looked up.*cache_get/s);
    expect(await person.page(`/console/${id}/runs`)).toMatch(/No agent has called yet.*traceparent/s);
    expect(await person.page(`/console/${id}/limits`)).toContain('the tenant');
    expect(await person.page(`/console/${id}/tokens`)).toContain(writer.tokenId.slice(0, 8));
  });

  test('a cell with who holds it, its history with the runs, and what changed between two revisions', async () => {
    const cell = { run_id: 'release 42/ä', key: 'job/1' };
    await call(writer.token, 'blackboard_write', { ...cell, value: { steps: ['notes'] }, by: 'ann' });
    await call(writer.token, 'blackboard_write', {
      ...cell,
      value: { steps: ['tag'] },
      by: 'ben',
      tags: ['t1'],
    });
    await call(writer.token, 'blackboard_claim', { ...cell, by: 'cleo' });
    const cells = await person.page(linkIn(await person.page(`/console/${id}/boards`), ROW));
    expect(cells).toMatch(/job\/1.*held.*cleo.*ben/s);
    const page = await person.page(linkIn(cells, ROW));
    expect(page).toMatch(/Revision 2.*ben.*t1.*<strong>Held<\/strong> by <bdi>cleo<\/bdi>, until <time/s);
    expect(page).toMatch(/rev 2<.*\/runs\/\d+">run \d+<.*compare with rev 1<.*rev 1</s);
    const diff = await person.page(linkIn(page, /href="([^"]+)#diff"/));
    expect(diff).toMatch(/<del>- {5}&quot;notes&quot;\n<\/del><ins>\+ {5}&quot;tag&quot;\n<\/ins>/);
    expect(await person.page(`/console/${id}/cell?board=none&key=none`)).toContain('was never written');
  });

  test('whether an agent that was told to stop did, on the page of failures and in its run', async () => {
    const failure = {
      error_type: 'SchemaMismatch',
      error_message: 'column is missing',
      class: 'deterministic',
    };
    const attempt = { action: 'migrate orders to 12', tool: 'migrate', target: 'orders' };
    for (let times = 0; times < 3; times++)
      await call(writer.token, 'scar_record', { ...failure, ...attempt });
    await call(writer.token, 'scar_check', attempt);
    await call(writer.token, 'scar_record', { ...failure, ...attempt });
    await call(writer.token, 'scar_check', attempt);
    const page = await person.page(`/console/${id}/failures`);
    expect(page).toMatch(/Told to stop<.*?>2<.*Stopped<.*?>1<.*failed again<.*?>1</s);
    const run = await person.page(linkIn(page, /href="([^"]*\/runs\/[^"#]*)#call-/));
    expect(run).toMatch(/Told to stop, and went on: <a href="#call-\d+">it failed again/);
    expect(run).toContain('Told to stop; no failure of the same tool');
  });

  test('large values are cut, and boards of many cells have pages', async () => {
    const value = `"<b>${'x'.repeat(1_048_000)}`;
    await call(writer.token, 'blackboard_write', { run_id: 'large', key: 'mib', value });
    const page = await person.page(`/console/${id}/cell?board=large&key=mib`);
    expect(page.length).toBeLessThan(40_000);
    expect(page).toMatch(/The first 8,192 of 1,048,\d{3} bytes/);
    for (let from = 0; from < 1024; from += 16) {
      const entries = Array.from({ length: 16 }, (_, n) => ({ key: `k/${from + n}`, value: n }));
      await call(writer.token, 'blackboard_write', { run_id: 'many', entries });
    }
    const first = await person.page(`/console/${id}/board?board=many`);
    expect(first).toMatch(/1,0\d\d/);
    expect([...first.matchAll(/data-row/g)]).toHaveLength(50);
    const second = await person.page(linkIn(first, /class="older"><a href="([^"]+)"/));
    expect([...second.matchAll(/data-row/g)]).toHaveLength(50);
    expect((await person.get(`/console/${id}/board?board=many&cursor=x`)).status).toBe(400);
  });

  test('failures with what fixed them, and what the cache has saved', async () => {
    const failure = { tool: 'deploy', error_type: 'LockTimeout', error_message: 'gave up after 20 s' };
    const resolution = 'Set lock_timeout.';
    const { scar_id } = await jsonOf(await call(writer.token, 'scar_record', { ...failure, resolution }));
    await call(writer.token, 'scar_resolve', { scar_id, outcome: 'worked', resolution });
    expect(await person.page(`/console/${id}/failures`)).toMatch(
      /LockTimeout.*deploy.*resolved.*Set lock_timeout\..*worked 1×, failed 0×/s,
    );
    expect(await person.page(`/console/${id}/failures?tool=other`)).toContain('No failure is like this');
    const prompt = { model: 'model-x', prompt: 'Summarise' };
    await call(writer.token, 'cache_get', prompt);
    await call(writer.token, 'cache_set', {
      ...prompt,
      response: 'x',
      usage: { input_tokens: 10, cost_usd: 0.25 },
    });
    await call(writer.token, 'cache_get', prompt);
    await call(writer.token, 'cache_get', {
      ...prompt,
      prompt: 'Translate',
      namespace: 'support',
      lease_s: 60,
    });
    expect(await person.page(`/console/${id}/cache`)).toMatch(
      /33 %.*\$0\.2500.*Leases out<.*?>1<.*class="columns".*By day.*By model.*model-x.*33 %.*By namespace.*50 %.*support.*0 %/s,
    );
    await call(writer.token, 'cache_set', { ...prompt, response: 'x', finish_reason: 'length' });
    const rejected = `/console/${id}/calls?tool=cache_set&outcome=bad`;
    expect(await person.page(`/console/${id}/cache`)).toContain(`href="${rejected.replace('&', '&amp;')}"`);
    expect(await person.page(rejected)).toContain('rejected</span><span class="soft"> truncated</span>');
  });

  test('limits that refuse are suggested to be raised', async () => {
    const tenant = await HttpTenant.create({ scopes: ['records:read', 'blackboard:read'] });
    await operate('PATCH', `/tenants/${tenant.id}/limits`, { tool: 'blackboard_list', rate: 0.01, burst: 2 });
    const watcher = new ConsoleBrowser();
    await watcher.signIn(tenant.token);
    for (let times = 0; times < 4; times++) await call(tenant.token, 'blackboard_list');
    const page = await watcher.page(`/console/${tenant.id}/limits`);
    expect(page).toMatch(/<strong>blackboard_list<\/strong> was refused \d times in the last hour/);
    expect(page).toContain(`limits ${tenant.id} --tool blackboard_list --set rate=0.02 burst=4`);
    expect(page).toMatch(/blackboard_list<\/td>.*?0 of 2/s);
    const refused = await watcher.get(`/console/${tenant.id}/boards`);
    expect([refused.status, await refused.text()]).toEqual([
      429,
      expect.stringContaining('Too many requests'),
    ]);
  });

  test('tokens show who used them last, and which of them have ended', async () => {
    const issued = await HttpTenant.issue(id, { scopes: ['blackboard:read'] });
    await call(issued.token, 'blackboard_list');
    await operate('DELETE', `/tenants/${id}/tokens/${issued.tokenId}`);
    const page = await person.page(`/console/${id}/tokens`);
    const row = page.split('<tr>').find((one) => one.includes(issued.tokenId)) ?? '';
    expect(row).toMatch(
      /revoked.*blackboard:read.*<time datetime.*>1<\/a><span class="unit"> calls in 7 days/s,
    );
  });

  test('each page needs its scope, and the navigation has those alone that may be seen', async () => {
    const shown = pagesFor(ALL_SCOPES).filter(({ scope }) => scope !== 'any');
    expect(shown.length).toBeGreaterThan(5);
    for (const scope of ALL_SCOPES.filter((one) => one.endsWith(':read'))) {
      const one = await HttpTenant.issue(id, { scopes: [scope] });
      const holder = new ConsoleBrowser();
      await holder.signIn(one.token);
      const limits = await holder.page(`/console/${id}/limits`);
      for (const { path, scope: needed } of shown) {
        expect(limits.includes(`href="/console/${id}/${path}"`)).toBe(scope === needed);
        expect((await holder.get(`/console/${id}/${path}`)).status).toBe(scope === needed ? 200 : 403);
      }
    }
  });
});

describe('texts of agents', () => {
  const HOSTILE = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    '</title><script>alert(1)</script>',
    '</template><b>x</b>',
    '<style>*{display:none}</style>',
    '<a href="javascript:alert(1)">x</a>',
    '[x](javascript:alert(1))',
    '&lt;b&gt;&amp;',
    '{{constructor.constructor("alert(1)")()}}',
    '$' + '{alert(1)}',
    '<!-- x --><![CDATA[x]]>',
    '\u202Egnp.exe\u202C',
    '\u2066isolate\u2069\u200B\u200D\uFEFF',
    'line\u2028separator\u2029',
    '\uD83D\uDE00'.repeat(20),
    'A'.repeat(120),
    'e\u0301\u0323'.repeat(20),
  ];

  test('are shown as text on every page, with codes for what nobody sees', async () => {
    const tenant = await HttpTenant.create({ scopes: [...ALL_SCOPES] });
    const keyOf = (text: string) => text.replaceAll('/', '|');
    for (const text of HOSTILE) {
      const tags = [text.slice(0, 60)];
      await call(tenant.token, 'blackboard_write', {
        run_id: text,
        key: keyOf(text),
        by: text,
        value: text,
        tags,
      });
      const said = { tool: text, error_type: text, error_message: text, cause: text, agent: text };
      await call(tenant.token, 'scar_record', { ...said, resolution: text, tags });
      await call(tenant.token, 'cache_get', { model: text, prompt: text });
    }
    const person = new ConsoleBrowser();
    await person.signIn(tenant.token);
    const boards = HOSTILE.slice(-6).map((board) => `board?${new URLSearchParams({ board })}`);
    const cells = HOSTILE.map(
      (board) => `cell?${new URLSearchParams({ board, key: keyOf(board), from: '1', to: '4' })}`,
    );
    const lists = [
      'calls',
      'runs',
      'runs/1',
      'boards',
      'failures?sort=frequent',
      'cache',
      'limits',
      'tokens',
    ];
    for (const path of [...lists, ...boards, ...cells]) {
      const page = await (await person.get(`/console/${tenant.id}/${path}`)).text();
      expect(page).toContain('<h1>');
      expect(page).not.toMatch(
        /<script(?! src="\/console\/assets\/)|<img|<svg\/|<style|<b>|<a href="javascript/i,
      );
      expect(page).not.toMatch(/[\p{Cf}\p{Zl}\p{Zp}]/u);
      expect(page.replace(/[\n\t]/g, '')).not.toMatch(/\p{Cc}/u);
    }
    const page = await person.page(`/console/${tenant.id}/calls`);
    expect(page).toContain('⟨U+202E⟩gnp.exe⟨U+202C⟩');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    const scars = await person.page(`/console/${tenant.id}/failures`);
    expect(scars).toContain('⟨U+2028⟩separator');
  });
});
