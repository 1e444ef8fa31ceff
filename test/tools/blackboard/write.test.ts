import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../../support/tenant.ts';

const MIB = 1_048_576;

const stored = async (tenant: TestTenant, key: string) => {
  const { entries } = await tenant.ok('blackboard_read', { key, max_bytes: MIB });
  return entries[0].value;
};

test('the calls of the original toolkit are valid as they are', async () => {
  const tenant = await openTenant();
  const cell = { run_id: 'run-1', agent: 'researcher', key: 'brief' };
  expect(await tenant.ok('blackboard_write', { ...cell, value: 'found it' })).toEqual({
    status: 'created',
    key: 'researcher/brief',
    rev: 1,
  });
  expect((await tenant.ok('blackboard_read', cell)).entries).toEqual([
    { key: 'researcher/brief', found: true, value: 'found it', rev: 1, by: 'researcher', age_s: 0, tags: [] },
  ]);
  const { entries } = await tenant.ok('blackboard_list', { run_id: 'run-1' });
  expect(entries).toMatchObject([{ key: 'researcher/brief', preview: '"found it"', bytes: 10 }]);
});

describe('keys', () => {
  test('agent and key name the same cell as the whole key, on the default board', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { agent: 'a/b', key: 'c', value: 1 });
    expect(await tenant.ok('blackboard_write', { run_id: 'default', key: 'a/b/c', value: 2 })).toMatchObject({
      status: 'updated',
      key: 'a/b/c',
      rev: 2,
    });
  });

  test('are normalised, and the normalised key is returned', async () => {
    const tenant = await openTenant();
    expect((await tenant.ok('blackboard_write', { key: 'cafe\u0301', value: 1 })).key).toBe('caf\u00e9');
    expect(await tenant.ok('blackboard_write', { key: 'caf\u00e9', value: 2 })).toMatchObject({
      status: 'updated',
    });
  });

  test('are limited to 256 characters with the agent', async () => {
    const tenant = await openTenant();
    const agent = 'a'.repeat(100);
    const fits = { agent, key: 'k'.repeat(155) };
    expect((await tenant.ok('blackboard_write', { ...fits, value: 1 })).key).toHaveLength(256);
    const error = await tenant.error('blackboard_write', { agent, key: 'k'.repeat(156), value: 1 });
    expect(error).toMatchObject({ code: 'invalid_input', field: 'key' });
  });

  test.each([
    [{ key: '/a' }],
    [{ key: 'a/' }],
    [{ key: 'a//b' }],
    [{ key: '' }],
    [{ key: 'a\u0000b' }],
    [{ key: 'a\nb' }],
    [{ key: 'k'.repeat(257) }],
    [{ key: 'a\ud800' }],
    [{ agent: 'x/', key: 'a' }],
    [{ agent: '/x', key: 'a' }],
  ])('%j is refused', async (cell) => {
    const tenant = await openTenant();
    expect(await tenant.error('blackboard_write', { ...cell, value: 1 })).toMatchObject({
      code: 'invalid_input',
      field: 'key',
    });
  });

  test('that look like anything else are keys', async () => {
    const tenant = await openTenant();
    for (const key of ['__proto__', 'constructor', "'; DROP TABLE board_cells; --", '%', '日本/語', '🛶'])
      expect(await tenant.ok('blackboard_write', { key, value: key })).toMatchObject({
        status: 'created',
        key,
      });
    expect(await stored(tenant, '__proto__')).toBe('__proto__');
  });
});

describe('values', () => {
  test.each([
    ['123'],
    ['{"a":1}'],
    ['null'],
    [null],
    [false],
    [0],
    [''],
    [[]],
    [{}],
    [{ a: [1, { b: null }], 'ü/~': '\u0001' }],
    [1.5],
    [6.022e23],
    [Number.MAX_SAFE_INTEGER],
    ['0000000000000000000'],
  ])('%j comes back as it was', async (value) => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value });
    expect(await stored(tenant, 'k')).toStrictEqual(value);
  });

  test('__proto__ is a member like any other', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: JSON.parse('{"__proto__":{"a":1}}') });
    await tenant.ok('blackboard_write', {
      key: 'k',
      mode: 'merge',
      value: JSON.parse('{"__proto__":{"b":2}}'),
    });
    expect(JSON.stringify(await stored(tenant, 'k'))).toBe('{"__proto__":{"a":1,"b":2}}');
  });

  test('are required, null included', async () => {
    const tenant = await openTenant();
    expect(await tenant.error('blackboard_write', { key: 'k' })).toMatchObject({ field: 'value' });
    expect(await tenant.error('blackboard_write', { value: 1 })).toMatchObject({ field: 'key' });
    expect(await tenant.error('blackboard_write', { entries: [{ key: 'k' }] })).toMatchObject({
      code: 'invalid_input',
      field: 'entries[0].value',
    });
  });

  test.each([[Number.POSITIVE_INFINITY], [2 ** 53], [12345678901234567000], [[{ n: -(2 ** 60) }]]])(
    '%j, which would not be kept as sent, is refused',
    async (value) => {
      const tenant = await openTenant();
      expect(await tenant.error('blackboard_write', { key: 'k', value })).toMatchObject({
        code: 'invalid_input',
        field: 'value',
      });
    },
  );

  test('have up to 1 MiB of JSON text in UTF-8, and not a byte more', async () => {
    const tenant = await openTenant();
    const largest = 'é'.repeat(MIB / 2 - 1);
    await tenant.ok('blackboard_write', { key: 'k', value: largest });
    expect(await stored(tenant, 'k')).toBe(largest);
    expect(await tenant.error('blackboard_write', { key: 'k', value: `${largest}x` })).toMatchObject({
      code: 'too_large',
      field: 'value',
      limit: MIB,
    });
    await tenant.ok('blackboard_write', { key: 'l', value: ['x'.repeat(MIB - 6)] });
    expect(await tenant.error('blackboard_write', { key: 'l', mode: 'append', value: '' })).toMatchObject({
      code: 'too_large',
      limit: MIB,
    });
    expect((await tenant.ok('blackboard_list', {})).boards).toMatchObject([{ cells: 2 }]);
  });
});

describe('modes', () => {
  test('merge follows RFC 7396, append adds one item, increment adds a number', async () => {
    const tenant = await openTenant();
    const write = (args: object) => tenant.ok('blackboard_write', { key: 'k', ...args });
    await write({ value: { a: 1, b: { c: 2, d: 3 } } });
    await write({ mode: 'merge', value: { a: null, b: { c: 4 }, e: [null] } });
    expect(await stored(tenant, 'k')).toEqual({ b: { c: 4, d: 3 }, e: [null] });
    await write({ value: [1] });
    await write({ mode: 'append', value: [2, 3] });
    expect(await stored(tenant, 'k')).toEqual([1, [2, 3]]);
    await write({ value: 5 });
    await write({ mode: 'increment', value: -7.5 });
    expect(await stored(tenant, 'k')).toBe(-2.5);
  });

  test('begin from nothing when the cell is absent', async () => {
    const tenant = await openTenant();
    for (const [mode, value, result] of [
      ['merge', { a: 1, b: null, c: { d: null } }, { a: 1, c: {} }],
      ['append', null, [null]],
      ['increment', 3, 3],
    ] as const) {
      expect(await tenant.ok('blackboard_write', { key: mode, mode, value })).toMatchObject({
        status: 'created',
      });
      expect(await stored(tenant, mode)).toEqual(result);
    }
  });

  test('never coerce', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'text', value: '5' });
    await tenant.ok('blackboard_write', { key: 'n', value: 5 });
    for (const args of [
      { key: 'text', mode: 'append', value: 1 },
      { key: 'text', mode: 'increment', value: 1 },
      { key: 'n', mode: 'append', value: 1 },
      { key: 'n', mode: 'increment', value: '1' },
      { key: 'n', mode: 'increment', value: Number.MAX_SAFE_INTEGER },
      { key: 'n', mode: 'increment', value: Number.POSITIVE_INFINITY },
    ])
      expect(await tenant.error('blackboard_write', args)).toMatchObject({
        code: 'invalid_input',
        field: 'value',
      });
    expect([await stored(tenant, 'text'), await stored(tenant, 'n')]).toEqual(['5', 5]);
  });
});

describe('if_rev', () => {
  test('0 means that there must be no cell', async () => {
    const tenant = await openTenant();
    expect(await tenant.ok('blackboard_write', { key: 'k', value: 1, if_rev: 0 })).toMatchObject({
      status: 'created',
      rev: 1,
    });
    expect(await tenant.ok('blackboard_write', { key: 'k', value: 2, if_rev: 0 })).toMatchObject({
      status: 'conflict',
      rev: 1,
      current: { value: 1, rev: 1 },
    });
  });

  test('in conflict tells the current value, its author and rev, so that one call recovers', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: 'mine', tags: ['t'] });
    await tenant.ok('blackboard_write', { key: 'k', value: 'theirs', by: 'other' });
    tenant.advance(3_999);
    const lost = await tenant.ok('blackboard_write', { key: 'k', value: 'mine again', if_rev: 1 });
    expect(lost).toEqual({
      status: 'conflict',
      key: 'k',
      rev: 2,
      current: { value: 'theirs', rev: 2, by: 'other', age_s: 3, tags: ['t'] },
    });
    expect(await tenant.ok('blackboard_write', { key: 'k', value: 'both', if_rev: lost.rev })).toMatchObject({
      status: 'updated',
      rev: 3,
    });
  });

  test('in conflict cuts a long value as a read does', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: 'x'.repeat(10_000) });
    const { current } = await tenant.ok('blackboard_write', { key: 'k', value: 1, if_rev: 0 });
    expect(current).toMatchObject({ truncated: true, bytes: 10_002 });
    expect(current.value).toBe(`"${'x'.repeat(8_191)}`);
  });

  test('is not fooled by deleting and writing again', async () => {
    const tenant = await openTenant();
    const { rev } = await tenant.ok('blackboard_write', { key: 'k', value: 1 });
    await tenant.ok('blackboard_delete', { keys: ['k'] });
    expect(await tenant.ok('blackboard_write', { key: 'k', value: 2, if_rev: rev })).toEqual({
      status: 'conflict',
      key: 'k',
      rev: 0,
    });
    await tenant.ok('blackboard_write', { key: 'k', value: 1 });
    expect(await tenant.ok('blackboard_write', { key: 'k', value: 2, if_rev: rev })).toMatchObject({
      status: 'conflict',
    });
  });

  test('is checked before the value: the same value with a stale rev is a conflict', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: 1 });
    expect(await tenant.ok('blackboard_write', { key: 'k', value: 1, if_rev: 7 })).toMatchObject({
      status: 'conflict',
    });
  });
});

describe('unchanged', () => {
  test('takes no rev and leaves no version', async () => {
    const tenant = await openTenant();
    const cell = { key: 'k', value: { a: 1, b: [2, { c: 3 }] }, tags: ['y', 'x', 'x'] };
    await tenant.ok('blackboard_write', cell);
    for (const same of [
      cell,
      { ...cell, tags: ['x', 'y'] },
      { key: 'k', value: { b: [2, { c: 3 }], a: 1 } },
      { key: 'k', mode: 'merge', value: { a: 1 } },
    ])
      expect(await tenant.ok('blackboard_write', { ...same, by: 'someone' })).toEqual({
        status: 'unchanged',
        key: 'k',
        rev: 1,
      });
    const { entries } = await tenant.ok('blackboard_read', { key: 'k', history: true });
    expect(entries[0]).toMatchObject({ by: tenant.principal, tags: ['x', 'y'], versions: [{ rev: 1 }] });
  });

  test.each([
    [{ value: [1, 3] }],
    [{ value: { 0: 1, 1: 2 } }],
    [{ value: [1, 2], tags: ['a'] }],
    [{ value: [1, 2], tags: [] }],
    [{ value: [1, 2], ttl_s: 60 }],
    [{ value: ['1', 2] }],
  ])('is not said of %j', async (change) => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: [1, 2], tags: ['b'] });
    expect(await tenant.ok('blackboard_write', { key: 'k', ...change })).toMatchObject({
      status: 'updated',
      rev: 2,
    });
  });
});

describe('time to live', () => {
  test('ends the cell at its millisecond, on every path', async () => {
    const tenant = await openTenant();
    expect(
      await tenant.ok('blackboard_write', { key: 'k', value: 'word', ttl_s: 2, tags: ['t'] }),
    ).toMatchObject({ expires_in_s: 2 });
    tenant.advance(1_999);
    expect((await tenant.ok('blackboard_read', { key: 'k' })).entries[0]).toMatchObject({
      found: true,
      expires_in_s: 1,
    });
    expect(await tenant.ok('blackboard_write', { key: 'k', value: 2, if_rev: 0 })).toMatchObject({
      status: 'conflict',
    });
    tenant.advance(1);
    expect((await tenant.ok('blackboard_read', { key: 'k' })).entries).toEqual([
      { key: 'k', found: false, reason: 'absent', rev: 0 },
    ]);
    expect((await tenant.ok('blackboard_read', { key: 'k', at_rev: 1 })).entries[0]).toMatchObject({
      found: false,
      reason: 'expired',
    });
    for (const args of [{ prefix: 'k' }, { tags: ['t'] }, { query: 'word' }])
      expect(await tenant.ok('blackboard_list', args)).toEqual({ entries: [], total: 0 });
    expect(await tenant.ok('blackboard_list', {})).toEqual({ boards: [], total: 0 });
    expect(await tenant.ok('blackboard_delete', { keys: ['k'] })).toMatchObject({ status: 'none' });
    expect(await tenant.ok('blackboard_write', { key: 'k', value: 2, if_rev: 1 })).toMatchObject({
      status: 'conflict',
      rev: 0,
    });
    expect(await tenant.ok('blackboard_write', { key: 'k', mode: 'increment', value: 2, if_rev: 0 })).toEqual(
      {
        status: 'created',
        key: 'k',
        rev: 2,
      },
    );
    expect((await tenant.ok('blackboard_read', { key: 'k' })).entries[0]).toMatchObject({
      value: 2,
      tags: [],
    });
  });

  test('is dropped by set and kept by the other modes, unless it is given', async () => {
    const tenant = await openTenant();
    const write = (args: object) => tenant.ok('blackboard_write', { key: 'k', value: 1, ...args });
    await write({ ttl_s: 100 });
    tenant.advance(10_000);
    expect((await write({ mode: 'increment' })).expires_in_s).toBe(90);
    expect((await write({ mode: 'increment', ttl_s: 50 })).expires_in_s).toBe(50);
    expect((await write({ value: 3, ttl_s: 50 })).status).toBe('unchanged');
    expect((await write({ value: 3 })).expires_in_s).toBeUndefined();
  });

  test.each([[0], [-1], [1.5], [31_536_001], ['60']])('of %j is refused', async (ttl_s) => {
    const tenant = await openTenant();
    expect(await tenant.error('blackboard_write', { key: 'k', value: 1, ttl_s })).toMatchObject({
      field: 'ttl_s',
    });
  });

  test('cells that have expired are removed while others are written', async () => {
    const tenant = await openTenant();
    const many = (from: number, ttl_s?: number) =>
      tenant.ok('blackboard_write', {
        entries: Array.from({ length: 20 }, (_, i) => ({ key: `k${from + i}`, value: 'word', tags: ['t'] })),
        ttl_s,
      });
    for (const from of [0, 20, 40]) await many(from, 1);
    tenant.advance(1_000);
    // The batch passes revision 64 while it takes over cells that have expired.
    expect((await many(20)).status).toBe('written');
    expect((await tenant.ok('blackboard_list', { tags: ['t'], query: 'word' })).total).toBe(20);
    expect((await many(0)).status).toBe('written');
    expect((await tenant.ok('blackboard_list', { tags: ['t'], query: 'word' })).total).toBe(40);
  });
});

describe('author', () => {
  test('is by, else the agent, else the token', async () => {
    const tenant = await openTenant();
    const other = await tenant.otherPrincipal();
    await tenant.ok('blackboard_write', { agent: 'a', key: 'x', by: 'b', value: 1 });
    await tenant.ok('blackboard_write', { agent: 'a', key: 'y', value: 1 });
    await other.ok('blackboard_write', { key: 'z', value: 1 });
    const { entries } = await tenant.ok('blackboard_read', { keys: ['a/x', 'a/y', 'z'] });
    expect(entries.map(({ by }: { by: string }) => by)).toEqual(['b', 'a', other.principal]);
  });
});

describe('batches', () => {
  test('write every cell, with what an entry leaves out taken from the call', async () => {
    const tenant = await openTenant();
    const answer = await tenant.ok('blackboard_write', {
      agent: 'a',
      by: 'me',
      tags: ['t'],
      mode: 'append',
      entries: [
        { key: 'x', value: 1 },
        { key: 'y', value: 2, agent: 'b', mode: 'set', tags: [], ttl_s: 9 },
      ],
    });
    expect(answer).toEqual({
      status: 'written',
      entries: [
        { status: 'created', key: 'a/x', rev: 1 },
        { status: 'created', key: 'b/y', rev: 2, expires_in_s: 9 },
      ],
    });
    const { entries } = await tenant.ok('blackboard_read', { keys: ['a/x', 'b/y'] });
    expect(entries).toMatchObject([
      { value: [1], by: 'me', tags: ['t'] },
      { value: 2, by: 'me', tags: [] },
    ]);
  });

  test('write nothing at one conflict, and say which', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'y', value: 'old' });
    const answer = await tenant.ok('blackboard_write', {
      entries: [
        { key: 'x', value: 1, if_rev: 0 },
        { key: 'y', value: 2, if_rev: 0 },
        { key: 'y2', value: 3, if_rev: 9 },
      ],
    });
    expect(answer).toMatchObject({
      status: 'conflict',
      entries: [
        { status: 'not_written', key: 'x', rev: 0 },
        { status: 'conflict', key: 'y', rev: 1, current: { value: 'old' } },
        { status: 'conflict', key: 'y2', rev: 0 },
      ],
    });
    expect((await tenant.ok('blackboard_list', { run_id: 'default' })).total).toBe(1);
    expect((await tenant.ok('blackboard_write', { key: 'x', value: 1 })).rev).toBe(2);
  });

  test('write nothing when an entry is not valid', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'y', value: 'text' });
    const entries = [
      { key: 'x', value: 1 },
      { key: 'y', mode: 'increment', value: 1 },
    ];
    expect(await tenant.error('blackboard_write', { entries })).toMatchObject({ field: 'entries[1].value' });
    expect((await tenant.ok('blackboard_list', { run_id: 'default' })).total).toBe(1);
  });

  test('are unchanged when every cell is', async () => {
    const tenant = await openTenant();
    const entries = [
      { key: 'x', value: 1 },
      { key: 'y', value: 2 },
    ];
    await tenant.ok('blackboard_write', { entries });
    expect((await tenant.ok('blackboard_write', { entries })).status).toBe('unchanged');
    expect(
      (await tenant.ok('blackboard_write', { entries: [...entries, { key: 'z', value: 1 }] })).entries,
    ).toEqual([
      { status: 'unchanged', key: 'x', rev: 1 },
      { status: 'unchanged', key: 'y', rev: 2 },
      { status: 'created', key: 'z', rev: 3 },
    ]);
  });

  test.each([
    [
      'entries[1].key',
      {
        entries: [
          { key: 'a/x', value: 1 },
          { agent: 'a', key: 'x', value: 2 },
        ],
      },
    ],
    ['key', { key: 'x', entries: [{ key: 'y', value: 1 }] }],
    ['value', { value: null, entries: [{ key: 'y', value: 1 }] }],
    ['if_rev', { if_rev: 0, entries: [{ key: 'y', value: 1 }] }],
    ['entries', { entries: [] }],
    ['entries', { entries: Array.from({ length: 21 }, (_, i) => ({ key: `k${i}`, value: i })) }],
    ['entries[0].ttl', { entries: [{ key: 'y', value: 1, ttl: 5 }] }],
  ])('with something wrong at %s are refused', async (field, args) => {
    const tenant = await openTenant();
    expect(await tenant.error('blackboard_write', args)).toMatchObject({ code: 'invalid_input', field });
  });
});

test('a call repeated with its idempotency_key acts once', async () => {
  const tenant = await openTenant();
  const call = { key: 'n', mode: 'increment', value: 1, idempotency_key: 'once' };
  expect(await tenant.ok('blackboard_write', call)).toEqual(await tenant.ok('blackboard_write', call));
  expect(await stored(tenant, 'n')).toBe(1);
});
