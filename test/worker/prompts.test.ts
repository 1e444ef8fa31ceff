import { afterEach, describe, expect, test, vi } from 'vitest';
import { PROMPTS } from '../../src/mcp/prompts/published.ts';
import { SCOPES, type Scope } from '../../src/tools/tool.ts';
import { HttpTenant, jsonOf, operate, send } from '../support/http.ts';
import { write } from '../support/resources.ts';
import { modern } from '../support/streams-worker.ts';
import type { Answer } from '../support/tenant.ts';

afterEach(() => void vi.restoreAllMocks());

const rpc = async (tenant: HttpTenant, method: string, params: unknown = {}): Promise<Answer> =>
  jsonOf(await tenant.rpc(method, params));
const namesFor = async (tenant: HttpTenant): Promise<string[]> =>
  (await rpc(tenant, 'prompts/list')).result.prompts.map(({ name }: Answer) => name);
const get = (tenant: HttpTenant, name: unknown, args?: unknown) =>
  rpc(tenant, 'prompts/get', { name, ...(args === undefined ? {} : { arguments: args }) });
const TEMPLATE = { type: 'ref/resource', uri: 'blackboard://{run_id}/{key}' };
const promptRef = (name: unknown) => ({ type: 'ref/prompt', name });
const complete = (tenant: HttpTenant, ref: unknown, name: unknown, value: unknown, filledIn?: object) =>
  rpc(tenant, 'completion/complete', {
    ref,
    argument: { name, value },
    ...(filledIn === undefined ? {} : { context: { arguments: filledIn } }),
  });

describe('prompts/list', () => {
  test('has each prompt with its title and its arguments, which are described', async () => {
    const { result } = await rpc(await HttpTenant.create(), 'prompts/list');
    expect(result).toEqual({
      prompts: PROMPTS.map(({ name, title, description, arguments: args }) => ({
        name,
        title,
        description,
        arguments: Object.entries(args).map(([argument, { description, required }]) => ({
          name: argument,
          description,
          required,
        })),
      })),
    });
    expect(result.prompts.map(({ name }: Answer) => name)).toEqual([
      'hand_over',
      'work_queue',
      'debug_failure',
    ]);
  });

  test.each<[Scope[], string[]]>([
    [
      ['blackboard:read', 'blackboard:write'],
      ['hand_over', 'work_queue'],
    ],
    [['scar:read', 'scar:write'], ['debug_failure']],
    [SCOPES.filter((scope) => scope.endsWith(':read')), []],
    [['blackboard:write', 'scar:write'], []],
  ])('for a token with %j: %j', async (scopes, names) => {
    expect(await namesFor(await HttpTenant.create({ scopes }))).toEqual(names);
  });

  test.each([
    ['blackboard', ['hand_over', 'work_queue']],
    ['scar,cache', ['debug_failure']],
    ['cache', []],
  ])('with ?tools=%s: %j, and no other can be got', async (families, names) => {
    const { token } = await HttpTenant.create();
    const ask = async (method: string, params: object) =>
      jsonOf(
        await send(`/mcp?tools=${families}`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${token}`,
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
            'mcp-protocol-version': '2025-11-25',
          },
          body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
        }),
      );
    const { result } = await ask('prompts/list', {});
    expect(result.prompts.map(({ name }: Answer) => name)).toEqual(names);
    for (const { name } of PROMPTS) {
      const args = { prefix: 'todo/', error: 'E' };
      const known = Object.entries(args).filter(
        ([key]) => PROMPTS.find((one) => one.name === name)?.arguments[key],
      );
      const got = await ask('prompts/get', { name, arguments: Object.fromEntries(known) });
      expect(got.result === undefined, name).toBe(!names.includes(name));
      const completed = await ask('completion/complete', {
        ref: promptRef(name),
        argument: { name: name === 'debug_failure' ? 'tool' : 'run_id', value: '' },
      });
      expect(completed.result === undefined, name).toBe(!names.includes(name));
    }
  });

  test('a cursor is refused, for there is one page', async () => {
    const { error } = await rpc(await HttpTenant.create(), 'prompts/list', { cursor: 'x' });
    expect(error).toMatchObject({ code: -32602 });
  });
});

describe('prompts/get', () => {
  test('puts what the person gave into the calls, and what was left blank out of them', async () => {
    const tenant = await HttpTenant.create();
    const { result } = await get(tenant, 'work_queue', { prefix: 'todo/', run_id: 'sprint "12"', task: ' ' });
    expect(result).toEqual({
      description: expect.any(String),
      messages: [{ role: 'user', content: { type: 'text', text: expect.any(String) } }],
    });
    const { text } = result.messages[0].content;
    expect(text).toContain('blackboard_claim {"run_id":"sprint \\"12\\"","prefix":"todo/"}');
    expect(text).toContain('Do what the item describes.');
    for (const args of [undefined, null, {}, { to: null, run_id: '', key: ' ' }])
      expect((await get(tenant, 'hand_over', args)).result.messages[0].content.text).toContain(
        'blackboard_read {"run_id":"default","key":"handover"}',
      );
    expect((await get(tenant, 'hand_over', { to: 7 })).result.messages[0].content.text).toContain('to "7"');
  });

  test('of a long error shows the beginning', async () => {
    const { result } = await get(await HttpTenant.create(), 'debug_failure', { error: 'e'.repeat(15_000) });
    expect(result.messages[0].content.text.length).toBeLessThan(6500);
  });

  const REFUSALS: readonly [name: unknown, args: unknown, sentence: string, detail: object][] = [
    ['work_queue', {}, 'prefix is required.', { field: 'prefix', missing: ['prefix'] }],
    ['debug_failure', { error: '' }, 'error is required.', { field: 'error', missing: ['error'] }],
    [
      'work_queue',
      { prefixx: 'a', other_thing: 1 },
      'prefix is required; unknown argument "prefixx". Did you mean prefix; unknown argument "other_thing". The arguments here are: prefix, task, run_id.',
      {
        missing: ['prefix'],
        unknown: [{ name: 'prefixx', did_you_mean: 'prefix' }, { name: 'other_thing' }],
      },
    ],
    ['hand_over', { key: '/a' }, 'key must not begin or end with /', { field: 'key' }],
    ['hand_over', { to: 'x'.repeat(200) }, 'to must be 1 to 128 characters.', { field: 'to' }],
    ['hand_over', { to: ['a'] }, 'to must be text of 1 to 128 characters.', { field: 'to', max: 128 }],
    ['hand_over', { to: '\ud800' }, 'to contains text that is not well-formed Unicode', { field: 'to' }],
    ['hand_over', [], 'The arguments must be a JSON object.', { field: 'arguments' }],
    ['hand_over', 'x', 'The arguments must be a JSON object.', { field: 'arguments' }],
    [
      'handover',
      {},
      'Unknown prompt "handover". Did you mean hand_over?',
      { field: 'name', did_you_mean: ['hand_over'], allowed: ['hand_over', 'work_queue', 'debug_failure'] },
    ],
    [
      'zzz',
      {},
      'Unknown prompt "zzz". The prompts offered here are: hand_over, work_queue, debug_failure.',
      {},
    ],
    ['__proto__', {}, 'Unknown prompt "__proto__".', {}],
    [undefined, {}, 'name is required: the name of a prompt.', { missing: ['name'] }],
    [5, {}, 'name is required', { field: 'name' }],
  ];

  test.each(REFUSALS)('%j with %j: %s', async (name, args, sentence, detail) => {
    const { error } = await get(await HttpTenant.create(), name, args);
    expect(error).toMatchObject({
      code: -32602,
      message: expect.stringContaining(sentence),
      data: { code: 'invalid_input', retryable: false, ...detail, trace_id: expect.any(String) },
    });
    expect(error.message).not.toMatch(/[[{]|undefined|invalid_type|Invalid input/);
  });

  test('names at most five faults, however many there are', async () => {
    const args = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`nothing${n}`, 'x']));
    const { error } = await get(await HttpTenant.create(), 'hand_over', args);
    expect(error.data.unknown).toHaveLength(5);
  });

  test('that the token may not follow says which tools it lacks', async () => {
    const tenant = await HttpTenant.create({ scopes: ['blackboard:read', 'scar:read', 'scar:write'] });
    const { error } = await get(tenant, 'work_queue', { prefix: 'a' });
    expect(error).toMatchObject({ code: -32602, data: { allowed: ['debug_failure'] } });
    expect(error.message).toContain('needs blackboard_claim, blackboard_release, which this token may not');
  });

  test('never shows what is stored', async () => {
    const tenant = await HttpTenant.create();
    await write(tenant, 'handover', 'MARKER');
    await write(tenant, 'todo/MARKER', 'MARKER');
    await tenant.call('scar_record', { error_type: 'E', error_message: 'it failed', resolution: 'MARKER' });
    for (const [name, args] of [
      ['hand_over', {}],
      ['work_queue', { prefix: 'todo/' }],
      ['debug_failure', { error: 'it failed' }],
    ])
      expect(JSON.stringify((await get(tenant, name, args)).result)).not.toContain('MARKER');
  });

  test('in 2026-07-28 says the same', async () => {
    const tenant = await HttpTenant.create();
    const ask = async (method: string, params: Record<string, unknown>, name?: string) => {
      const { body, headers } = modern(method, params, name);
      return jsonOf(await tenant.post(body, headers));
    };
    const args = { name: 'work_queue', arguments: { prefix: 'todo/' } };
    const { messages } = (await ask('prompts/get', args, 'work_queue')).result;
    expect(messages).toEqual((await get(tenant, 'work_queue', args.arguments)).result.messages);
    const { error } = await ask('prompts/get', { name: 'work_queue' }, 'work_queue');
    expect(error).toMatchObject({ code: -32602, data: { missing: ['prefix'] } });
  });
});

describe('completion/complete', () => {
  async function filled(): Promise<HttpTenant> {
    const tenant = await HttpTenant.create();
    for (const run_id of ['sprint-1', 'sprint-2', 'other'])
      await write(tenant, `todo/${run_id}`, 1, { run_id });
    await write(tenant, 'plan', 1);
    await tenant.call('scar_record', { error_type: 'E', error_message: 'm', tool: 'pytest', project: 'web' });
    return tenant;
  }
  const values = (answer: Answer) => answer.result?.completion;

  test('of the resource template: the boards, then the keys of the board that was chosen', async () => {
    const tenant = await filled();
    expect(values(await complete(tenant, TEMPLATE, 'run_id', 'spr'))).toEqual({
      values: ['sprint-1', 'sprint-2'],
      hasMore: false,
    });
    const key = async (typed: string, filledIn?: object) =>
      values(await complete(tenant, TEMPLATE, 'key', typed, filledIn)).values;
    expect(await key('to', { run_id: 'sprint-2' })).toEqual(['todo/sprint-2']);
    expect(await key('')).toEqual(['plan']);
    expect(await key('', { run_id: '' })).toEqual(['plan']);
    expect(await key('', { run_id: 5, other: 'x' })).toEqual(['plan']);
  });

  test.each([
    ['hand_over', 'run_id', 'o', {}, ['other']],
    ['hand_over', 'key', 'todo', { run_id: 'other' }, ['todo/other']],
    ['hand_over', 'to', '', {}, []],
    ['work_queue', 'run_id', '', {}, ['default', 'other', 'sprint-1', 'sprint-2']],
    ['work_queue', 'prefix', 't', { run_id: 'sprint-1' }, ['todo/']],
    ['work_queue', 'task', 'x', {}, []],
    ['debug_failure', 'tool', 'PY', {}, ['pytest']],
    ['debug_failure', 'project', '', {}, ['web']],
    ['debug_failure', 'error', '', {}, []],
  ])('of %s.%s for "%s" with %j: %j', async (prompt, argument, typed, filledIn, expected) => {
    const tenant = await filled();
    const answer = values(await complete(tenant, promptRef(prompt), argument, typed, filledIn));
    expect(answer).toEqual({ values: expected, hasMore: false });
  });

  test.each([
    ['no cell can have this name', { run_id: 'r'.repeat(200) }, ''],
    ['no key is that long', {}, 'k'.repeat(5000)],
    ['no key has it', {}, '\ud800'],
    ['no key has it', {}, '\u0000'],
  ])('of what nothing can be is empty: %s', async (_why, filledIn, typed) => {
    const answer = await complete(await HttpTenant.create(), TEMPLATE, 'key', typed, filledIn);
    expect(values(answer)).toEqual({ values: [], hasMore: false });
  });

  test.each<[ref: unknown, name: unknown, value: unknown, sentence: string, field: string]>([
    [promptRef('handover'), 'to', '', 'Did you mean hand_over?', 'name'],
    [promptRef(undefined), 'to', '', 'name is required', 'name'],
    [promptRef('hand_over'), 'run', '', 'The arguments are: to, run_id, key.', 'argument.name'],
    [promptRef('hand_over'), '__proto__', '', 'The arguments are: to, run_id, key.', 'argument.name'],
    [promptRef('hand_over'), 'runid', '', 'Did you mean run_id?', 'argument.name'],
    [promptRef('hand_over'), 5, '', 'argument must be an object with name and value', 'argument'],
    [promptRef('hand_over'), 'to', undefined, 'argument must be an object', 'argument'],
    [{ ...TEMPLATE, uri: 'file:///{path}' }, 'path', '', 'blackboard://{run_id}/{key}', 'ref.uri'],
    [TEMPLATE, 'board', '', 'The arguments are: run_id, key.', 'argument.name'],
    [{ type: 'ref/tool', name: 'x' }, 'a', '', 'ref must be {"type":"ref/prompt"', 'ref'],
    [undefined, 'a', '', 'ref must be', 'ref'],
  ])('of %j, %j, %j is refused: %s', async (ref, name, value, sentence, field) => {
    const { error } = await complete(await HttpTenant.create(), ref, name, value);
    expect(error).toMatchObject({
      code: -32602,
      message: expect.stringContaining(sentence),
      data: { code: 'invalid_input', field, trace_id: expect.any(String) },
    });
  });

  const ASKED = [
    ['completion_boards', TEMPLATE, 'run_id', 'blackboard:read'],
    ['completion_keys', TEMPLATE, 'key', 'blackboard:read'],
    ['completion_scars', promptRef('debug_failure'), 'tool', 'scar:read'],
  ] as const;

  test.each(ASKED)('by %s needs its scope, answered in either form', async (_tool, ref, name, scope) => {
    const tenant = await HttpTenant.create({ scopes: ['cache:read'] });
    const params = { ref, argument: { name, value: '' } };
    for (const accept of [undefined, 'text/event-stream, application/json;q=0.5']) {
      const refused = await tenant.rpc('completion/complete', params, accept === undefined ? {} : { accept });
      expect(refused.status).toBe(403);
      expect(refused.headers.get('www-authenticate')).toContain(scope);
      await refused.text();
    }
  });

  test.each(ASKED)('by %s is charged to a bucket of its own', async (tool, ref, name) => {
    const tenant = await HttpTenant.create();
    await operate('PATCH', `/tenants/${tenant.id}/limits`, { tool, rate: 0.001, burst: 1 });
    expect(values(await complete(tenant, ref, name, ''))).toEqual({ values: [], hasMore: false });
    const { error } = await complete(tenant, ref, name, '');
    expect(error).toMatchObject({ code: -32000, data: { code: 'rate_limited', retryable: true } });
  });

  test.each(ASKED)('by %s is one line in the log', async (tool, ref, name) => {
    const tenant = await HttpTenant.create();
    const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
    printed.mockClear();
    await complete(tenant, ref, name, 'x');
    expect(printed.mock.calls.map(([line]) => JSON.parse(String(line)))).toMatchObject([
      { event: 'tool.call', outcome: 'answer', tenant: tenant.id, tool, token_id: tenant.tokenId },
    ]);
  });

  test('of free text asks for nothing, and is refused to a token that is revoked', async () => {
    const tenant = await HttpTenant.create();
    const other = await HttpTenant.issue(tenant.id);
    await operate('DELETE', `/tenants/${tenant.id}/tokens/${other.tokenId}`);
    const params = { ref: promptRef('hand_over'), argument: { name: 'to', value: '' } };
    expect((await other.rpc('completion/complete', params)).status).toBe(401);
    expect((await tenant.rpc('completion/complete', params)).status).toBe(200);
  });

  test('shows nothing of another tenant, and is no tool to a caller', async () => {
    const [here, there] = [await HttpTenant.create(), await filled()];
    expect(values(await complete(here, TEMPLATE, 'run_id', '')).values).toEqual([]);
    expect(
      values(await complete(here, TEMPLATE, 'key', '', { run_id: 'sprint-1', tenant: there.id })).values,
    ).toEqual([]);
    const { error } = await rpc(here, 'tools/call', {
      name: 'completion_keys',
      arguments: { run_id: 'a', prefix: '' },
    });
    expect(error).toMatchObject({ code: -32602 });
  });
});
