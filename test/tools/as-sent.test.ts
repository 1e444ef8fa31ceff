import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import { catalogue } from '../../src/catalogue.ts';
import { forgive } from '../../src/tools/forgive.ts';

const publishedTools = catalogue.tools.map(({ name, input }) => ({ name, input }));

/** What clients and models really send: JSON as text, `null` for what is left out, numbers as text. */

describe('JSON that arrives as text', () => {
  test('is a patch in mode merge, and no other text replaces the cell', async () => {
    const tenant = await openTenant();
    const write = (args: object) => tenant.ok('blackboard_write', { key: 'k', ...args });
    await write({ value: { x: 1, y: 2 } });
    expect(await write({ mode: 'merge', value: '{"x":3}' })).toMatchObject({ status: 'updated' });
    const refused = [
      '{"x":',
      'text',
      '"x"',
      '[1]',
      '7',
      '',
      '{"x":12345678901234567890}',
      7,
      [1],
      true,
      null,
    ];
    for (const value of refused) {
      const entries = [{ key: 'k', mode: 'merge', value }];
      for (const args of [entries[0], { entries }])
        expect(await tenant.error('blackboard_write', args)).toMatchObject({ code: 'invalid_input' });
    }
    const { entries } = await tenant.ok('blackboard_read', { key: 'k' });
    expect(entries).toMatchObject([{ value: { x: 3, y: 2 } }]);
  });

  test('is merged into when a cell holds it, and not replaced', async () => {
    const tenant = await openTenant();
    const merge = { key: 'k', mode: 'merge' };
    await tenant.ok('blackboard_write', { key: 'k', value: '{"a":1}' });
    expect(await tenant.ok('blackboard_write', { ...merge, value: { a: 1 } })).toMatchObject({
      status: 'unchanged',
    });
    await tenant.ok('blackboard_write', { ...merge, value: '{"b":2}' });
    const { entries } = await tenant.ok('blackboard_read', { key: 'k' });
    expect(entries).toMatchObject([{ value: { a: 1, b: 2 } }]);
  });

  test('is another question than the message that it holds', async () => {
    const tenant = await openTenant();
    const keyOf = async (messages: unknown) => (await tenant.ok('cache_get', { model: 'm', messages })).key;
    const message = { role: 'user', content: 'hello' };
    const asObject = await keyOf([message]);
    expect(await keyOf(JSON.stringify([message]))).toBe(asObject);
    expect(await keyOf([JSON.stringify(message)])).not.toBe(asObject);
  });

  test.each(['/x', '/plan/x', '/plan/x/y', '/list/0/x'])(
    'has no part %s, and the hint says why',
    async (path) => {
      const tenant = await openTenant();
      const text = '{"x":{"y":1}}';
      const value = path === '/x' ? text : { plan: text, list: [text] };
      await tenant.ok('blackboard_write', { key: 'k', value });
      const { entries } = await tenant.ok('blackboard_read', { key: 'k', path });
      expect(entries).toMatchObject([{ reason: 'path_not_found', hint: expect.stringContaining('text') }]);
    },
  );

  test('is a number in mode increment', async () => {
    const tenant = await openTenant();
    const add = (value: unknown) => ({ key: 'n', mode: 'increment', value });
    await tenant.ok('blackboard_write', add('2'));
    await tenant.ok('blackboard_write', add('-0.5'));
    for (const value of ['two', '', ' 1', '1e', '0x10', '12345678901234567890', '{"a":1}'])
      expect(await tenant.error('blackboard_write', add(value))).toMatchObject({ field: 'value' });
    expect((await tenant.ok('blackboard_read', { key: 'n' })).entries).toMatchObject([{ value: 1.5 }]);
  });

  test.each([
    ['append', '[1,2]', 'a list', 3],
    ['append', ' ["a"]', 'a list', 'b'],
    ['increment', '41', 'a number', 1],
    ['increment', ' 1.5 ', 'a number', 1],
  ])(
    'is not changed in mode %s when a cell holds %j, and the hint says why',
    async (mode, held, what, value) => {
      const tenant = await openTenant();
      await tenant.ok('blackboard_write', { key: 'k', value: held });
      const fault = { hint: expect.stringContaining(what), current: 'string', allowed: ['set'] };
      const error = await tenant.error('blackboard_write', { key: 'k', mode, value });
      expect(error).toMatchObject({ field: 'mode', ...fault });
      // Most clients show a model only the text.
      expect(error.message).toContain(error.hint);
      const entries = [{ key: 'k', mode, value }];
      expect(await tenant.error('blackboard_write', { entries })).toMatchObject({
        field: 'entries[0].mode',
        ...fault,
      });
      expect((await tenant.ok('blackboard_read', { key: 'k' })).entries).toMatchObject([{ value: held }]);
    },
  );

  test.each([
    ['append', 'plain'],
    ['append', '{"a":1}'],
    ['increment', 'one'],
    ['increment', '[1]'],
    ['append', 5],
  ])('is not suspected in mode %s when a cell holds %j', async (mode, held) => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: held });
    expect(await tenant.error('blackboard_write', { key: 'k', mode, value: 1 })).not.toHaveProperty('hint');
  });

  test.each(['{"a":1}', '[1,2]', ' {"a":1}'])(
    'is stored as it was sent, and said to be text: %s',
    async (text) => {
      const tenant = await openTenant();
      const stored = { stored_as: 'text' };
      expect(await tenant.ok('blackboard_write', { key: 'set', value: text })).toMatchObject(stored);
      expect(await tenant.ok('blackboard_write', { key: 'set', value: text })).toMatchObject(stored);
      expect(
        await tenant.ok('blackboard_write', { entries: [{ key: 'list', mode: 'append', value: text }] }),
      ).toMatchObject({ entries: [stored] });
      const { claim_id } = await tenant.ok('blackboard_claim', { key: 'set', by: 'worker' });
      expect(await tenant.ok('blackboard_release', { claim_id, value: text })).toMatchObject(stored);
      const { entries } = await tenant.ok('blackboard_read', { keys: ['set', 'list'] });
      expect(entries).toMatchObject([{ value: text }, { value: [text] }]);
      const set = await tenant.ok('cache_set', { model: 'm', prompt: 'p', response: text });
      expect(set).toMatchObject({ status: 'stored', ...stored });
      expect(await tenant.ok('cache_get', { model: 'm', prompt: 'p' })).toMatchObject({ response: text });
    },
  );

  test.each(['plain text', '{"a":', '"quoted"', '7', { a: 1 }, [1], 7, null])(
    'is not seen in %j',
    async (value) => {
      const tenant = await openTenant();
      expect(await tenant.ok('blackboard_write', { key: 'k', value })).not.toHaveProperty('stored_as');
    },
  );

  test('has no parts: a path into it says why nothing was found', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: '{"a":1}' });
    await tenant.ok('blackboard_write', { key: 'plain', value: 'text' });
    const { entries } = await tenant.ok('blackboard_read', { keys: ['k', 'plain'], path: '/a' });
    expect(entries).toMatchObject([{ reason: 'path_not_found', hint: expect.stringMatching(/text/) }, {}]);
    expect(entries).not.toMatchObject([{}, { hint: expect.anything() }]);
  });
});

describe('typed fields', () => {
  test('null is what is left out', async () => {
    const tenant = await openTenant();
    const nothing = { agent: null, mode: null, if_rev: null, ttl_s: null, tags: null, claim_id: null };
    await tenant.ok('blackboard_write', { run_id: null, key: 'k', value: null, ...nothing, entries: null });
    expect((await tenant.ok('blackboard_read', { key: 'k', keys: null })).entries).toMatchObject([
      { value: null },
    ]);
    expect(await tenant.error('blackboard_write', { key: null, value: 1 })).toMatchObject({ field: 'key' });
    expect(await tenant.error('scar_check', { action: null })).toMatchObject({ field: 'action' });
  });

  test('null is absent in a field for any JSON only beside what is given instead', async () => {
    const tenant = await openTenant();
    const entries = [{ key: 'a', value: null, tags: null }];
    expect(await tenant.ok('blackboard_write', { key: null, value: null, entries })).toMatchObject({
      status: 'written',
    });
    const question = { model: 'm', prompt: 'p' };
    await tenant.ok('cache_set', { ...question, response: { a: 1 }, error: null, key: null });
    expect(await tenant.ok('cache_get', question)).toMatchObject({ status: 'hit', response: { a: 1 } });
    await tenant.ok('blackboard_write', { key: 'job', value: 1 });
    const first = await tenant.ok('blackboard_claim', { key: 'job', by: 'w' });
    await tenant.ok('blackboard_release', {
      claim_id: first.claim_id,
      value: null,
      delete: false,
      tags: null,
    });
    expect((await tenant.ok('blackboard_read', { key: 'job' })).entries).toMatchObject([{ value: null }]);
    const second = await tenant.ok('blackboard_claim', { key: 'job', by: 'w' });
    await tenant.ok('blackboard_release', {
      claim_id: second.claim_id,
      value: null,
      delete: true,
      tags: null,
    });
    expect((await tenant.ok('blackboard_read', { key: 'job' })).entries).toMatchObject([{ found: false }]);
  });

  test.each([
    ['tags', { tags: ['next'] }],
    ['empty tags', { tags: [] }],
    ['requeue', { requeue: true }],
    ['failed', { failed: 'no disk' }],
    ['delay_s', { delay_s: 60 }],
    ['requeue as text', { requeue: 'true', delay_s: null }],
  ])('a null value of a release leaves the item as it is beside %s', async (_, end) => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'job', value: { page: 1 } });
    const { claim_id } = await tenant.ok('blackboard_claim', { key: 'job', by: 'w' });
    expect(await tenant.ok('blackboard_release', { claim_id, value: null, ...end })).toMatchObject({
      status: 'released',
    });
    expect((await tenant.ok('blackboard_read', { key: 'job' })).entries).toMatchObject([
      { value: { page: 1 } },
    ]);
  });

  test('what says no is nothing that is given instead', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'job', value: 1 });
    const { claim_id } = await tenant.ok('blackboard_claim', { key: 'job', by: 'w' });
    await tenant.ok('blackboard_release', { claim_id, value: null, delete: 'false', requeue: false });
    expect((await tenant.ok('blackboard_read', { key: 'job' })).entries).toMatchObject([{ value: null }]);
  });

  test.each(publishedTools)('null is what is left out of every optional field of $name', (tool) => {
    const typed = Object.entries(tool.input.shape).filter(
      ([, field]) => field.safeParse(undefined).success && !field.safeParse(null).success,
    );
    const nulls = Object.fromEntries(typed.map(([name]) => [name, null]));
    expect(forgive(tool.input, nulls)).toEqual({});
  });

  test('exact text is the number, boolean, list or object that it states', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', {
      entries: JSON.stringify([{ key: 'a', value: '5', ttl_s: '60', tags: '["x","y"]' }]),
    });
    const { entries } = await tenant.ok('blackboard_read', {
      keys: '["a"]',
      history: 'True',
      max_bytes: '100',
    });
    expect(entries).toMatchObject([{ value: '5', tags: ['x', 'y'], expires_in_s: 60, versions: [{}] }]);
    const wrong = [
      { limit: '5 ' },
      { limit: 'five' },
      { limit: '' },
      { limit: '0x5' },
      { tags: 'x' },
      { tags: '{}' },
    ];
    for (const args of wrong)
      expect(await tenant.error('blackboard_list', { run_id: 'r', ...args })).toMatchObject({
        code: 'invalid_input',
      });
    expect(await tenant.error('blackboard_list', { limit: '5000' })).toMatchObject({ field: 'limit' });
    expect(
      await tenant.ok('cache_get', { model: 'm', prompt: 'p', params: '{"temperature":0}' }),
    ).toMatchObject(await tenant.ok('cache_get', { model: 'm', prompt: 'p', params: { temperature: 0 } }));
  });

  test('a number is its decimal text where text is wanted, and enum values are found in any case', async () => {
    const tenant = await openTenant();
    const failure = { error_type: 'HTTPError', error_message: 'too many requests', tool: 'curl' };
    const first = await tenant.ok('scar_record', { ...failure, error_code: 429, severity: 'HIGH' });
    const again = await tenant.ok('scar_record', { ...failure, error_code: '429', class: 'Transient' });
    expect(again).toMatchObject({ status: 'seen', scar_id: first.scar_id });
    expect(await tenant.error('scar_record', { ...failure, severity: 'highest' })).toMatchObject({
      field: 'severity',
    });
    await tenant.ok('blackboard_write', { run_id: 7, key: 'k', value: 1, mode: 'SET' });
    expect((await tenant.ok('blackboard_read', { run_id: '7', key: 'k' })).entries).toMatchObject([
      { value: 1 },
    ]);
  });

  test('a call that is repeated in another form is the same call', async () => {
    const tenant = await openTenant();
    const write = { key: 'n', mode: 'increment', value: 1, idempotency_key: 'once' };
    await tenant.ok('blackboard_write', { ...write, ttl_s: 60 });
    await tenant.ok('blackboard_write', { ...write, ttl_s: '60', tags: null, toolCallId: 'call_1' });
    expect((await tenant.ok('blackboard_read', { key: 'n' })).entries).toMatchObject([{ value: 1 }]);
  });
});

describe('arguments that clients add', () => {
  test('are dropped, and every other unknown argument is refused', async () => {
    const tenant = await openTenant();
    const added = {
      toolCallId: 'call_1',
      sessionId: 's',
      chatInput: 'hello',
      action: 'sendMessage',
      tool: 'Bulkhead',
      tool_call_id: 'c',
      task_progress: '- [x] read',
      security_risk: 'LOW',
    };
    await tenant.ok('blackboard_write', { key: 'k', value: 1, ...added });
    for (const unknown of ['action', 'tool', 'chat_input', 'session', 'colour'])
      expect(await tenant.error('blackboard_write', { key: 'k', value: 1, [unknown]: 'x' })).toMatchObject({
        field: unknown,
      });
    // An argument of the tool is never one of them.
    expect(
      await tenant.ok('scar_check', { action: 'rm -rf build', tool: 'bash', toolCallId: 'c' }),
    ).toMatchObject({
      verdict: 'clear',
    });
  });
});

test('no arguments at all are none', async () => {
  const tenant = await openTenant();
  expect(await tenant.ok('tenant_limits', null)).toHaveProperty('limits');
});
