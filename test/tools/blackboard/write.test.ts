import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../../support/tenant.ts';

const MIB = 1_048_576;

const stored = async (tenant: TestTenant, key: string) => {
  const { entries } = await tenant.ok('blackboard_read', { key, max_bytes: MIB });
  return entries[0].value;
};

test('calls in the form of the original toolkit are valid', async () => {
  const tenant = await openTenant();
  const cell = { run_id: 'run-1', agent: 'researcher', key: 'brief' };
  expect(await tenant.ok('blackboard_write', { ...cell, value: 'found it' })).toEqual({
    status: 'created',
    key: 'researcher/brief',
    rev: 1,
  });
  expect((await tenant.ok('blackboard_read', cell)).entries).toEqual([
    { key: 'researcher/brief', found: true, value: 'found it', rev: 1, by: 'researcher', age_s: 0 },
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

  test('that look like SQL, paths or property names are ordinary keys', async () => {
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
    '%j, which cannot be stored exactly, is refused',
    async (value) => {
      const tenant = await openTenant();
      expect(await tenant.error('blackboard_write', { key: 'k', value })).toMatchObject({
        code: 'invalid_input',
        field: 'value',
      });
      for (const [mode, start, part] of [
        ['append', [1], value],
        ['merge', { a: 1 }, { b: [value] }],
      ] as const) {
        await tenant.ok('blackboard_write', { key: mode, value: start });
        expect(await tenant.error('blackboard_write', { key: mode, mode, value: part })).toMatchObject({
          code: 'invalid_input',
          field: 'value',
        });
      }
    },
  );

  test('have at most 1 MiB of JSON text in UTF-8', async () => {
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
    await tenant.ok('blackboard_write', { key: 'm', value: { a: 'x'.repeat(MIB - 8) } });
    expect(
      await tenant.error('blackboard_write', { key: 'm', mode: 'merge', value: { b: 1 } }),
    ).toMatchObject({
      code: 'too_large',
      limit: MIB,
    });
    expect((await tenant.ok('blackboard_list', {})).boards).toMatchObject([{ cells: 3 }]);
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

  test('start from an empty value if the cell is absent', async () => {
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

  test('never convert types', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'text', value: '5' });
    await tenant.ok('blackboard_write', { key: 'n', value: 5 });
    for (const args of [
      { key: 'n', mode: 'increment', value: 'one' },
      { key: 'n', mode: 'increment', value: Number.MAX_SAFE_INTEGER },
      { key: 'n', mode: 'increment', value: Number.POSITIVE_INFINITY },
    ])
      expect(await tenant.error('blackboard_write', args)).toMatchObject({
        code: 'invalid_input',
        field: 'value',
      });
    for (const args of [
      { key: 'text', mode: 'append', value: 1 },
      { key: 'text', mode: 'increment', value: 1 },
      { key: 'n', mode: 'append', value: 1 },
    ])
      expect(await tenant.error('blackboard_write', args)).toMatchObject({
        code: 'invalid_input',
        field: 'mode',
        allowed: ['set'],
      });
    expect([await stored(tenant, 'text'), await stored(tenant, 'n')]).toEqual(['5', 5]);
  });
});

describe('author', () => {
  test('is by, otherwise the agent, otherwise the token', async () => {
    const tenant = await openTenant();
    const other = await tenant.otherPrincipal();
    await tenant.ok('blackboard_write', { agent: 'a', key: 'x', by: 'b', value: 1 });
    await tenant.ok('blackboard_write', { agent: 'a', key: 'y', value: 1 });
    await other.ok('blackboard_write', { key: 'z', value: 1 });
    const { entries } = await tenant.ok('blackboard_read', { keys: ['a/x', 'a/y', 'z'] });
    expect(entries.map(({ by }: { by: string }) => by)).toEqual(['b', 'a', undefined]);
  });
});

test('a call repeated with its idempotency_key writes once', async () => {
  const tenant = await openTenant();
  const call = { key: 'n', mode: 'increment', value: 1, idempotency_key: 'once' };
  expect(await tenant.ok('blackboard_write', call)).toEqual(await tenant.ok('blackboard_write', call));
  expect(await stored(tenant, 'n')).toBe(1);
});
