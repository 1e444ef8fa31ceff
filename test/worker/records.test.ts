import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { isIntact } from '../../src/tenant/records/chain.ts';
import type { RecordRow } from '../../src/tenant/records/record.ts';
import { MAX_WATCHERS } from '../../src/tenant/streams/listeners.ts';
import { eventsOf } from '../support/call-events.ts';
import { admin, HttpTenant, jsonOf, newTenantId, operate, send } from '../support/http.ts';
import { TEST_SECRETS } from '../support/secrets.ts';
import type { Answer } from '../support/tenant.ts';
import { call, problemOf } from '../support/v1.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const traced = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` };

let id: string;
let planner: HttpTenant;
let reader: HttpTenant;

/** What one agent did, whose second write met a conflict, and what another one with fewer scopes did. */
beforeAll(async () => {
  planner = await HttpTenant.create();
  id = planner.id;
  reader = await HttpTenant.issue(planner.id, { scopes: ['blackboard:read'] });
  const write = { run_id: 'release-42', key: 'plan', value: 'not to be shown', by: 'planner' };
  await call(planner.token, 'blackboard_write', write, traced);
  await call(planner.token, 'blackboard_write', { ...write, if_rev: 0 }, traced);
  await call(planner.token, 'blackboard_write', { run_id: 'release-42' }, traced);
  await call(reader.token, 'blackboard_read', { run_id: 'release-42', key: 'plan' });
  await call(reader.token, 'scar_list');
  await call(reader.token, 'no_such_tool');
});

/** Without what the operator did to make the tenant: five records. */
const shown = ({ calls }: Answer) =>
  calls
    .filter(({ tool }: Answer) => tool !== 'admin')
    .map((entry: Answer) => [entry.tool, entry.outcome, entry.status ?? entry.code ?? '-'].join(' '));

describe('the operator reads', () => {
  test('what was called and refused, newest first, with what it changed', async () => {
    const answer = await operate('GET', `/tenants/${id}/calls`);
    expect(shown(answer)).toEqual([
      'unknown refused unknown_tool',
      'scar_list refused insufficient_scope',
      'blackboard_read answer -',
      'blackboard_write error invalid_input',
      'blackboard_write answer conflict',
      'blackboard_write answer created',
    ]);
    expect(answer.calls[0].args).toEqual({ name: 'no_such_tool (not offered)' });
    expect(answer.calls[1].scope).toBe('scar:read');
    expect(answer.calls[5]).toMatchObject({
      token_id: planner.tokenId,
      trace_id: TRACE,
      transport: 'v1',
      by: 'planner',
      args: { run_id: 'release-42', key: 'plan', by: 'planner' },
      changes: [{ rev: 1, what: 'set', run_id: 'release-42', key: 'plan', by: 'planner' }],
    });
    expect(JSON.stringify(answer)).not.toContain('not to be shown');
  });

  test.each([
    ['outcome=refused', ['unknown refused unknown_tool', 'scar_list refused insufficient_scope']],
    ['outcome=error', ['blackboard_write error invalid_input']],
    ['outcome=ok', ['blackboard_read answer -', 'blackboard_write answer created']],
    ['tool=blackboard_write&outcome=bad&limit=1', ['blackboard_write error invalid_input']],
    ['code=insufficient_scope', ['scar_list refused insufficient_scope']],
    ['tool=blackboard_read&key=plan', ['blackboard_read answer -']],
    [
      'key=plan&outcome=answer&run=6',
      ['blackboard_write answer conflict', 'blackboard_write answer created'],
    ],
    ['key=other', []],
    ['client=nobody', []],
    ['until=2020-01-01T00:00:00Z', []],
    ['since=2020-01-01T00:00:00Z&tool=unknown', ['unknown refused unknown_tool']],
    ['since=0s', []],
  ])('those that match %s', async (query, expected) => {
    expect(shown(await operate('GET', `/tenants/${id}/calls?${query}`))).toEqual(expected);
  });

  test('those of one token, by its id or the beginning of it', async () => {
    const answer = await operate('GET', `/tenants/${id}/calls?token=${reader.tokenId.slice(0, 10)}`);
    expect(answer.calls).toHaveLength(3);
  });

  test('page by page', async () => {
    const seen: string[] = [];
    let cursor = '';
    for (;;) {
      const page = await operate('GET', `/tenants/${id}/calls?outcome=bad&limit=2${cursor}`);
      seen.push(...page.calls.map((entry: Answer) => entry.id));
      if (page.next_cursor === undefined) break;
      cursor = `&cursor=${page.next_cursor}`;
    }
    expect(seen).toEqual([11, 10, 8, 7]);
  });

  test('what a transport does for its client only when that is asked for', async () => {
    const tenant = await HttpTenant.create();
    await tenant.rpc('resources/list');
    const path = `/tenants/${tenant.id}/calls`;
    expect(shown(await operate('GET', path))).toEqual([]);
    expect(shown(await operate('GET', `${path}?internal=true`))).toContain('resources_list answer -');
  });

  test('runs, one run, and a trace', async () => {
    const { runs } = await operate('GET', `/tenants/${id}/runs`);
    expect(runs).toMatchObject([
      { run: 9, token_id: reader.tokenId, calls: 3, not_ok: 2, changed: 0 },
      { run: 6, token_id: planner.tokenId, calls: 3, not_ok: 2, changed: 1, trace_id: TRACE },
      { run: 1, token_id: 'operator', calls: 5, not_ok: 0, changed: 0 },
    ]);
    expect((await operate('GET', `/tenants/${id}/runs?limit=1`)).next_cursor).toEqual(expect.any(String));
    const first = await operate('GET', `/tenants/${id}/runs/6?limit=2`);
    const rest = await operate('GET', `/tenants/${id}/runs/6?cursor=${first.next_cursor}`);
    const trace = await operate('GET', `/tenants/${id}/traces/${TRACE}`);
    expect([...first.calls, ...rest.calls]).toEqual(trace.calls);
    expect(trace).toMatchObject({
      runs: [{ run: 6 }],
      calls: [{ id: 6 }, { id: 7 }, { id: 8 }],
      more: false,
    });
  });

  test('one paragraph about a call, by the trace id or the request id that its user has', async () => {
    const conflict = await operate('GET', `/tenants/${id}/explain/${TRACE}`);
    expect(conflict).toMatchObject({
      found: 3,
      call: { status: 'conflict' },
      next: { code: 'invalid_input' },
    });
    expect(conflict.text).toMatch(
      /as planner, with token .* over v1 called blackboard_write with .*key plan/,
    );
    expect(conflict.text).toContain('It was answered with conflict');
    expect(conflict.text).toMatch(
      /Next in run 6 \(3 calls, 2 not ok\), .*called blackboard_write: invalid_input\.$/,
    );
    const { calls } = await operate('GET', `/tenants/${id}/calls?code=insufficient_scope`);
    const refused = await operate('GET', `/tenants/${id}/explain/${calls[0].request_id}`);
    expect(refused.text).toContain(reader.tokenId);
    expect(refused.text).toContain(
      'It was refused: the token lacks the scope scar:read (insufficient_scope).',
    );
  });
});

describe('what cannot be answered names the field and the remedy', () => {
  test.each([
    ['calls?cursor=garbage', 400, 'cursor', /leave cursor out/],
    ['calls?since=yesterday', 400, 'since', /such as 2026-11-26T14:00:00Z, or an age such as 15m/],
    ['calls?outcome=wrong', 400, 'outcome', /bad/],
    ['calls?limit=0', 400, 'limit', /1/],
    ['calls?tol=x', 400, 'tol', /Did you mean tool/],
    ['runs?cursor=garbage', 400, 'cursor', /leave cursor out/],
    ['runs/one', 400, 'run', /integer/],
    ['runs/70000', 404, 'run', /list of runs/],
    ['traces/xyz', 400, 'trace_id', /32 lower-case/],
    [`traces/${'0'.repeat(32)}`, 404, 'trace_id', /list the calls of that time/],
    ['explain/ab', 400, 'id', /request id, an error id or a trace id/],
    ['explain/41306b2c', 404, 'id', /list the calls of that time/],
  ])('%s', async (path, status, field, detail) => {
    const refused = await admin('GET', `/tenants/${id}/${path}`);
    expect(refused.body).toMatchObject({ status, field, detail: expect.stringMatching(detail) });
    expect(refused.status).toBe(status);
  });

  test('a cursor is of one list and its filters', async () => {
    const { next_cursor: cursor } = await operate('GET', `/tenants/${id}/calls?limit=1`);
    for (const path of [`calls?outcome=bad&cursor=${cursor}`, `runs?cursor=${cursor}`])
      expect((await admin('GET', `/tenants/${id}/${path}`)).body).toMatchObject({
        status: 400,
        field: 'cursor',
      });
  });

  test('a tenant that does not exist has no records', async () => {
    for (const path of ['calls', 'runs', 'runs/6', `traces/${TRACE}`, 'explain/41306b2c'])
      expect((await admin('GET', `/tenants/no-such-tenant/${path}`)).status).toBe(404);
  });
});

test.each(['abc', 'bhp_k1.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', 'a'.repeat(600)])(
  'the list of tenants refuses the cursor %s',
  async (cursor) => {
    const refused = await admin('GET', `/tenants?cursor=${cursor}`);
    expect(refused.body).toMatchObject({ status: 400, code: 'invalid_input', field: 'cursor' });
  },
);

describe('a token with records:read', () => {
  const read = (token: string, path: string) =>
    send(`/v1${path}`, { headers: { authorization: `Bearer ${token}` } });

  test('reads of its tenant what the operator reads', async () => {
    const auditor = await HttpTenant.issue(id, { scopes: ['records:read'] });
    for (const [own, operators] of [
      ['/records?outcome=bad&limit=3', 'calls?outcome=bad&limit=3'],
      ['/runs/6', 'runs/6'],
      [`/traces/${TRACE}`, `traces/${TRACE}`],
      [`/explain/${TRACE}`, `explain/${TRACE}`],
    ] as const) {
      const response = await read(auditor.token, own);
      expect(response.status).toBe(200);
      // Having asked is a record as well.
      const { next_cursor: _, newest: __, ...answer } = await jsonOf(response);
      expect(await operate('GET', `/tenants/${id}/${operators}`)).toMatchObject(answer);
    }
    expect((await jsonOf(await read(auditor.token, '/runs'))).runs.length).toBeGreaterThan(1);
    // It is recorded itself, with what it asked for.
    const { calls } = await operate('GET', `/tenants/${id}/calls?tool=records_explain`);
    expect(calls).toMatchObject([{ token_id: auditor.tokenId, args: { id: TRACE } }]);
  });

  test('sees its own last call at once, and may do nothing else', async () => {
    const auditor = await HttpTenant.issue(id, { scopes: ['records:read'] });
    await problemOf(await call(auditor.token, 'blackboard_list'));
    const { calls } = await jsonOf(await read(auditor.token, `/records?token=${auditor.tokenId}`));
    expect(calls).toMatchObject([{ tool: 'blackboard_list', code: 'insufficient_scope' }]);
  });

  test.each(['/records', '/runs', '/runs/6', `/traces/${TRACE}`, `/explain/${TRACE}`])(
    'is needed for %s',
    async (path) => {
      const response = await read(planner.token, path);
      expect(response.status).toBe(403);
      expect(await problemOf(response)).toMatchObject({
        code: 'insufficient_scope',
        detail: expect.stringContaining('records:read'),
      });
      expect((await send(`/v1${path}`)).status).toBe(401);
      expect(
        (await send(`/v1${path}`, { method: 'POST', headers: { authorization: `Bearer ${planner.token}` } }))
          .status,
      ).toBe(405);
    },
  );

  test.each(['/records?cursor=garbage', '/records?since=x', '/runs/0x1', '/traces/1', '/explain/1'])(
    'is told what is wrong with %s',
    async (path) => {
      const auditor = await HttpTenant.issue(id, { scopes: ['records:read'] });
      const problem = await problemOf(await read(auditor.token, path));
      expect(problem).toMatchObject({ status: 400, code: 'invalid_input', field: expect.any(String) });
    },
  );

  test('is had by nobody who was not given it by name', async () => {
    const issued = await operate('POST', `/tenants/${id}/tokens`, {});
    const member = await operate('POST', `/tenants/${id}/members`, { name: 'Ann' });
    expect([...issued.scopes, ...member.scopes]).not.toContain('records:read');
    for (const path of [
      '/.well-known/oauth-protected-resource/mcp',
      '/.well-known/oauth-authorization-server',
    ])
      expect(await (await send(path)).text()).not.toContain('records');
    const listed = await jsonOf(await planner.rpc('tools/list'));
    expect(JSON.stringify(listed)).not.toContain('records');
    const { body } = await admin('PATCH', `/tenants/${id}/tokens/${issued.token_id}`, {
      add: ['records:read'],
    });
    expect(body.scopes).toContain('records:read');
    expect((await read(String(issued.token), '/records')).status).toBe(200);
  });
});

describe('an export', () => {
  const download = (query = '') =>
    send(`/admin/tenants/${id}/export${query}`, {
      headers: { authorization: `Bearer ${TEST_SECRETS.ADMIN_KEY}` },
    });

  async function linesOf(response: Response): Promise<Answer[]> {
    const body = response.body?.pipeThrough(new DecompressionStream('gzip'));
    const text = await new Response(body ?? null).text();
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  }

  test('has every record with its hash, so that the chain can be checked without the tenant', async () => {
    await runInDurableObject(env.TENANTS.getByName(id), (object) => object.alarm());
    const response = await download();
    expect(response.headers.get('content-type')).toBe('application/gzip');
    expect(response.headers.get('content-disposition')).toBe(
      `attachment; filename="records-${id}.ndjson.gz"`,
    );
    const [head, ...records] = await linesOf(response);
    expect(head).toMatchObject({
      kind: 'export',
      tenant: id,
      first_record: 1,
      hash_before: '',
    });
    expect(head?.signed_heads).not.toEqual([]);
    for (const signed of head?.signed_heads ?? []) expect(signed.head).toBe(records[signed.id - 1]?.hash);
    expect(records.map((record) => record.id)).toEqual(records.map((_, index) => index + 1));
    let hash = head?.hash_before;
    for (const record of records) {
      expect(isIntact(hash, record as RecordRow)).toBe(true);
      hash = record.hash;
    }
    expect(JSON.stringify(records)).not.toContain('not to be shown');
  });

  test('of a time has the hash before it', async () => {
    const all = (await linesOf(await download())).slice(1);
    const since = new Date(all[3]?.at).toISOString();
    const [head, first] = await linesOf(await download(`?since=${since}`));
    expect(head?.hash_before).toBe(all[(first?.id ?? 0) - 2]?.hash);
    const { body } = await admin('GET', `/tenants/${id}/export?since=garbage`);
    expect(body).toMatchObject({ status: 400, field: 'since' });
  });
});

test('a token shows when it was last used, by which client, and how often', async () => {
  const { tokens } = await operate('GET', `/tenants/${id}/tokens`);
  const used = (token: HttpTenant) => tokens.find((one: Answer) => one.token_id === token.tokenId).last_used;
  expect(used(reader)).toEqual({ at: expect.any(String), client: null, calls: 1, refused: 2 });
  const unused = await HttpTenant.issue(id);
  const again = await operate('GET', `/tenants/${id}/tokens`);
  expect(again.tokens.find((one: Answer) => one.token_id === unused.tokenId).last_used).toBeNull();
});

describe('what the operator does is recorded in the tenant', () => {
  const as = (name: string) => ({ 'bulkhead-as': encodeURIComponent(name) });
  const operatorsCalls = async (tenant: string) =>
    (await operate('GET', `/tenants/${tenant}/calls?tool=admin&limit=200`)).calls.toReversed();

  test('with what it changed, from what to what, and who it says to be', async () => {
    const tenant = newTenantId();
    await admin('POST', '/tenants', { id: tenant }, as('Änn\u202e'));
    await admin('PATCH', `/tenants/${tenant}/limits`, { rate: 10 }, as('Bob'));
    await admin('PATCH', `/tenants/${tenant}/limits`, { rate: 20, tool: 'no_such_tool' });
    await operate('POST', `/tenants/${tenant}/suspend`);
    await operate('POST', `/tenants/${tenant}/resume`);
    const token = await operate('POST', `/tenants/${tenant}/tokens`, { scopes: ['scar:read'], label: 'ci' });
    await operate('PATCH', `/tenants/${tenant}/tokens/${token.token_id}`, { add: ['cache:read'] });
    await operate('DELETE', `/tenants/${tenant}/tokens/${token.token_id}`);
    const member = await operate('POST', `/tenants/${tenant}/members`, { name: 'Eve' });
    await operate('POST', `/tenants/${tenant}/members/${member.member_id}/key`);
    await operate('DELETE', `/tenants/${tenant}/members/${member.member_id}`);
    await operate('POST', `/tenants/${tenant}/compact`);
    const calls = await operatorsCalls(tenant);
    expect(calls.map(({ args, code }: Answer) => [args.action, args.by, code, args.changed?.length])).toEqual(
      [
        ['POST tenant', 'Änn\u202e', undefined, 1],
        ['PATCH limits', 'Bob', undefined, 2],
        ['PATCH limits', undefined, 'invalid_input', undefined],
        ['POST suspend', undefined, undefined, 1],
        ['POST resume', undefined, undefined, 1],
        ['POST tokens', undefined, undefined, 3],
        [`PATCH tokens ${token.token_id}`, undefined, undefined, 1],
        [`DELETE tokens ${token.token_id}`, undefined, undefined, 1],
        ['POST members', undefined, undefined, 3],
        [`POST members ${member.member_id} key`, undefined, undefined, 1],
        [`DELETE members ${member.member_id}`, undefined, undefined, 3],
        ['POST compact', undefined, undefined, undefined],
      ],
    );
    expect(calls[1].args.changed).toContainEqual({ what: 'limits.tenant.rate', to: 10 });
    expect(calls[3].args.changed).toEqual([{ what: 'status', from: 'active', to: 'suspended' }]);
    expect(calls[6].args.changed).toEqual([
      { what: `token ${token.token_id} scopes`, from: 'scar:read', to: 'scar:read cache:read' },
    ]);
    expect(calls[0]).toMatchObject({ token_id: 'operator', transport: 'admin', by: 'Änn\u202e' });
    const text = JSON.stringify(calls);
    for (const secret of [token.token, member.key, TEST_SECRETS.ADMIN_KEY])
      expect(text).not.toContain(secret);
    expect(await operate('GET', `/tenants/${tenant}/verify`)).toMatchObject({ verdict: 'intact' });
    const { total } = await operate('GET', `/tenants/${tenant}/usage`);
    expect(total.calls).toBe(0);
  });

  test('with limits that the tenant had before', async () => {
    const { id: tenant } = await HttpTenant.create();
    await operate('PATCH', `/tenants/${tenant}/limits`, { rate: 5, burst: 9, tool: '*' });
    const calls = await operatorsCalls(tenant);
    expect(calls.at(-1).args.changed).toEqual([
      { what: 'limits.tool.rate', from: 100_000, to: 5 },
      { what: 'limits.tool.burst', from: 1_000_000, to: 9 },
    ]);
  });
});

test('what the edge refuses of a known tenant is among its records within a second', async () => {
  const tenant = await HttpTenant.create();
  const headers = { authorization: `Bearer ${tenant.token}` };
  for (let times = 0; times < 3; times++) await send('/v1/tools', { method: 'PUT', headers });
  const refused = await vi.waitUntil(async () => {
    const { calls } = await operate('GET', `/tenants/${tenant.id}/calls?outcome=refused`);
    return calls.reduce((sum: number, { times }: Answer) => sum + times, 0) === 3 && calls;
  }, 20_000);
  expect(refused[0]).toMatchObject({ tool: 'request', code: 'method_not_allowed', transport: 'edge' });
  expect(refused[0].token_id).toBe(tenant.tokenId);
});

describe('a stream of calls', () => {
  const follow = (tenant: string, query = '', headers: Record<string, string> = {}) =>
    send(`/admin/tenants/${tenant}/calls${query}`, {
      headers: { authorization: `Bearer ${TEST_SECRETS.ADMIN_KEY}`, accept: 'text/event-stream', ...headers },
    });

  test('sends each call when it has ended, reads too, and resumes after the last one that was seen', async () => {
    const tenant = await HttpTenant.create();
    const response = await follow(tenant.id, '?tool=blackboard_list');
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const events = eventsOf(response);
    await tenant.call('blackboard_write', { key: 'k', value: 1 });
    await tenant.call('blackboard_list');
    const first = (await events.next()).value;
    expect(first).toMatchObject({ event: 'call', data: { tool: 'blackboard_list', outcome: 'answer' } });
    expect(first?.data).toMatchObject({ id: Number(first?.id) });
    await events.return(undefined);
    await tenant.call('blackboard_list');
    await tenant.call('blackboard_read', { key: 'k' });
    const resumed = eventsOf(await follow(tenant.id, '', { 'last-event-id': first?.id ?? '' }));
    expect((await resumed.next()).value?.data).toMatchObject({ tool: 'blackboard_list' });
    expect((await resumed.next()).value?.data).toMatchObject({ tool: 'blackboard_read' });
    await resumed.return(undefined);
  });

  test.each([
    ['?outcome=wrong', {}, 'outcome'],
    ['?limit=1000', {}, 'limit'],
    ['', { 'last-event-id': 'x' }, 'Last-Event-ID'],
  ])('refuses %s %j', async (query, headers, field) => {
    const problem = await problemOf(await follow(id, query, headers));
    expect(problem).toMatchObject({ status: 400, field });
  });

  test('of a tenant that does not exist is not found, and watchers of one are bounded', async () => {
    expect((await follow('no-such-tenant')).status).toBe(404);
    const { id: tenant } = await HttpTenant.create();
    const watching = [];
    for (let watcher = 0; watcher < MAX_WATCHERS; watcher++) watching.push(await follow(tenant));
    const refused = await follow(tenant);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await jsonOf(refused)).code).toBe('unavailable');
    for (const response of watching) await response.body?.cancel();
  });
});
