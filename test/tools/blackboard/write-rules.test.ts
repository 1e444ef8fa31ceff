import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';

describe('if_rev', () => {
  test('0 means that the cell must not exist', async () => {
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

  test('on conflict returns the current value, author and rev, so that one more call succeeds', async () => {
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

  test('on conflict cuts a long value as a read does', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: 'x'.repeat(10_000) });
    const { current } = await tenant.ok('blackboard_write', { key: 'k', value: 1, if_rev: 0 });
    expect(current).toMatchObject({ truncated: true, bytes: 10_002 });
    expect(current.value).toBe(`"${'x'.repeat(8_191)}`);
  });

  test('does not match after the cell was deleted and written again', async () => {
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
  test('uses no rev and adds no version', async () => {
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
    expect(entries[0]).toMatchObject({ tags: ['x', 'y'], versions: [{ rev: 1 }] });
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
  test('ends the cell at its exact millisecond, for every tool', async () => {
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
        // The expiry is an event with the revision 2.
        rev: 3,
      },
    );
    expect((await tenant.ok('blackboard_read', { key: 'k' })).entries[0]).toMatchObject({
      value: 2,
      rev: 3,
    });
  });

  test('is removed by set and kept by the other modes, unless ttl_s is given', async () => {
    const tenant = await openTenant();
    const write = (args: object) => tenant.ok('blackboard_write', { key: 'k', value: 1, ...args });
    await write({ ttl_s: 100 });
    tenant.advance(10_000);
    expect((await write({ mode: 'increment' })).expires_in_s).toBe(90);
    expect((await write({ mode: 'increment', ttl_s: 50 })).expires_in_s).toBe(50);
    expect((await write({ value: 3, ttl_s: 50 })).status).toBe('unchanged');
    expect((await write({ value: 3 })).expires_in_s).toBeUndefined();
  });

  test.each([[0], [-1], [1.5], [31_536_001], ['1m'], [true]])('of %j is refused', async (ttl_s) => {
    const tenant = await openTenant();
    expect(await tenant.error('blackboard_write', { key: 'k', value: 1, ttl_s })).toMatchObject({
      field: 'ttl_s',
    });
  });

  test('expired cells are deleted while others are written', async () => {
    const tenant = await openTenant();
    const many = (from: number, ttl_s?: number) =>
      tenant.ok('blackboard_write', {
        entries: Array.from({ length: 20 }, (_, i) => ({ key: `k${from + i}`, value: 'word', tags: ['t'] })),
        ttl_s,
      });
    for (const from of [0, 20, 40]) await many(from, 1);
    tenant.advance(1_000);
    // The batch passes revision 64, which starts a sweep, while it writes over expired cells.
    expect((await many(20)).status).toBe('written');
    expect((await tenant.ok('blackboard_list', { tags: ['t'], query: 'word' })).total).toBe(20);
    expect((await many(0)).status).toBe('written');
    expect((await tenant.ok('blackboard_list', { tags: ['t'], query: 'word' })).total).toBe(40);
  });
});

describe('batches', () => {
  test('write every cell, and entries inherit arguments of the call', async () => {
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
      { value: 2, by: 'me' },
    ]);
    expect(entries[1]).not.toHaveProperty('tags');
  });

  test('write nothing if one entry conflicts, and report which', async () => {
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

  test('write nothing if an entry is invalid', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'y', value: 'text' });
    const entries = [
      { key: 'x', value: 1 },
      { key: 'y', mode: 'increment', value: 1 },
    ];
    expect(await tenant.error('blackboard_write', { entries })).toMatchObject({
      field: 'entries[1].mode',
      allowed: ['set'],
      current: 'string',
    });
    expect((await tenant.ok('blackboard_list', { run_id: 'default' })).total).toBe(1);
  });

  test('are unchanged if every cell is', async () => {
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
    ['value', { value: 0, entries: [{ key: 'y', value: 1 }] }],
    ['if_rev', { if_rev: 0, entries: [{ key: 'y', value: 1 }] }],
    ['entries', { entries: [] }],
    ['entries', { entries: Array.from({ length: 21 }, (_, i) => ({ key: `k${i}`, value: i })) }],
    ['entries[0].ttl', { entries: [{ key: 'y', value: 1, ttl: 5 }] }],
  ])('with something wrong at %s are refused', async (field, args) => {
    const tenant = await openTenant();
    expect(await tenant.error('blackboard_write', args)).toMatchObject({ code: 'invalid_input', field });
  });
});
