import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { Answer, TestTenant } from '../support/tenant.ts';

/** A model gets 64 KiB at most in one answer, unless it asks for more. What is left out is named, and can be had. */

const ANSWER_BYTES = 64 * 1024;
const sizeOf = (answer: Answer) => new TextEncoder().encode(JSON.stringify(answer)).byteLength;
/** Four bytes each in UTF-8. */
const wide = (length: number) => '😀'.repeat(length);
const wideKey = (n: number) => `${String(n).padStart(3, '0')}${wide(253)}`;
/** As many as a cell can have, and as large. */
const TAGS = Array.from({ length: 16 }, (_, n) => `${String.fromCharCode(97 + n)}${wide(63)}`);

/** Writes cells in batches, if not told otherwise by an author with a long name. */
async function fill(tenant: TestTenant, cells: readonly object[], by = wide(128)): Promise<void> {
  for (let at = 0; at < cells.length; at += 20)
    await tenant.ok('blackboard_write', { entries: cells.slice(at, at + 20), by });
}

const numbered = (count: number, more: object) =>
  Array.from({ length: count }, (_, n) => ({ key: wideKey(n), value: n, ...more }));

/** The entries of all pages of a list, each of which must fit. */
async function pages(tenant: TestTenant, tool: string, args: object, field: string): Promise<Answer[][]> {
  const found: Answer[][] = [];
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const answer = await tenant.ok(tool, { ...args, cursor });
    expect(sizeOf(answer)).toBeLessThanOrEqual(ANSWER_BYTES);
    found.push(answer[field]);
    cursor = answer.next_cursor;
    expect(answer.hint !== undefined).toBe(cursor !== undefined);
  }
  return found;
}

describe('a read of several cells', () => {
  const keys = Array.from({ length: 20 }, (_, n) => `k${n}`);
  const value = (n: number) => ({ n, text: 'x'.repeat(n % 3 === 0 ? 7_000 : 500) });
  const filled = async () => {
    const tenant = await openTenant();
    await fill(
      tenant,
      keys.map((key, n) => ({ key, value: value(n) })),
    );
    return tenant;
  };

  test('answers 64 KiB at most, names what it leaves out with its size, and says how to get it', async () => {
    const tenant = await openTenant();
    await fill(
      tenant,
      keys.map((key) => ({ key, value: 'x'.repeat(7_000) })),
    );
    const answer = await tenant.ok('blackboard_read', { keys });
    expect(sizeOf(answer)).toBeLessThanOrEqual(ANSWER_BYTES);
    expect(answer.entries.map(({ key }: Answer) => key)).toEqual(keys);
    const left = answer.entries.filter(({ left_out }: Answer) => left_out);
    expect(left.length).toBeGreaterThan(8);
    expect(left[0]).toEqual({
      key: left[0].key,
      found: true,
      rev: left[0].rev,
      left_out: true,
      bytes: 7_002,
    });
    expect(answer.hint).toMatch(/key.*path.*max_bytes/);
    for (const { key } of left) {
      const { entries, hint } = await tenant.ok('blackboard_read', { key });
      expect([entries[0].value.length, hint]).toEqual([7_000, undefined]);
    }
  });

  test('still shows the small ones behind a large one', async () => {
    const tenant = await openTenant();
    const cells = keys.map((key, n) => ({ key, value: n < 10 ? 'x'.repeat(7_800) : n }));
    await fill(tenant, cells, 'writer');
    const { entries } = await tenant.ok('blackboard_read', { keys });
    expect(entries.filter(({ left_out }: Answer) => left_out).map(({ key }: Answer) => key)).toEqual([
      'k7',
      'k8',
      'k9',
    ]);
    expect(entries.slice(10).map(({ value }: Answer) => value)).toEqual(
      cells.slice(10).map(({ value }) => value),
    );
  });

  test('answers more when max_bytes asks for more', async () => {
    const tenant = await filled();
    const cut = await tenant.ok('blackboard_read', { keys, history: true });
    expect(sizeOf(cut)).toBeLessThanOrEqual(ANSWER_BYTES);
    const { entries, hint } = await tenant.ok('blackboard_read', { keys, history: true, max_bytes: 200_000 });
    expect(hint).toBeUndefined();
    expect(entries.map(({ value }: Answer) => value)).toEqual(keys.map((_, n) => value(n)));
    const both = [
      { key: 'k0', value: 'x'.repeat(150_000) },
      { key: 'k1', value: 'y'.repeat(150_000) },
    ];
    await fill(tenant, both);
    const two = await tenant.ok('blackboard_read', { keys: ['k0', 'k1'], max_bytes: 160_000 });
    expect(two.entries[0].value).toHaveLength(150_000);
    expect(two.entries[1]).toMatchObject({ key: 'k1', left_out: true, bytes: 150_002 });
  });

  test('of one shows it as large as max_bytes allows', async () => {
    const tenant = await openTenant();
    await tenant.ok('blackboard_write', { key: 'k', value: '"'.repeat(150_000), tags: TAGS });
    const whole = await tenant.ok('blackboard_read', { key: 'k', max_bytes: 1_048_576 });
    expect(whole.entries[0].value).toHaveLength(150_000);
    const start = await tenant.ok('blackboard_read', { key: 'k', max_bytes: 70_000 });
    expect(start.entries[0]).toMatchObject({ truncated: true, bytes: 300_002 });
    expect(start.entries[0].value).toHaveLength(70_000);
    const part = await tenant.ok('blackboard_read', { key: 'k' });
    expect(part.entries[0].value).toHaveLength(8_192);
  });

  test('fits however long keys, tags, authors and histories are', async () => {
    const tenant = await openTenant();
    const cells = numbered(20, { tags: TAGS });
    for (let version = 0; version < 5; version++)
      await fill(
        tenant,
        cells.map((cell) => ({ ...cell, value: version })),
      );
    const answer = await tenant.ok('blackboard_read', { keys: cells.map(({ key }) => key), history: true });
    expect(sizeOf(answer)).toBeLessThanOrEqual(ANSWER_BYTES);
    expect(answer.entries).toHaveLength(20);
    expect(answer.entries.at(-1)).toMatchObject({ key: wideKey(19), left_out: true, bytes: 1 });
  });

  test('by plain HTTP answers whole, because a program reads it', async () => {
    const tenant = await openTenant();
    await fill(
      tenant,
      keys.map((key) => ({ key, value: 'x'.repeat(7_000) })),
    );
    const outcome = await tenant.outcome('blackboard_read', { keys }, 'v1');
    if (outcome.kind !== 'answer') throw new Error(outcome.kind);
    const { entries, hint } = JSON.parse(outcome.json);
    expect([entries.filter(({ value }: Answer) => value.length === 7_000).length, hint]).toEqual([
      20,
      undefined,
    ]);
  });
});

describe('pages', () => {
  test('of cells end before 64 KiB, and their cursors miss and repeat none, by key and by relevance', async () => {
    const tenant = await openTenant();
    const cells = numbered(60, { value: `needle ${wide(100)}`, tags: TAGS });
    await fill(tenant, cells);
    for (const query of [undefined, 'needle']) {
      const listed = await pages(
        tenant,
        'blackboard_list',
        { run_id: 'default', query, limit: 200 },
        'entries',
      );
      expect(listed.length).toBeGreaterThan(3);
      const keys = listed.flat().map(({ key }) => key);
      expect(keys.toSorted()).toEqual(cells.map(({ key }) => key));
    }
  });

  test('of boards too', async () => {
    const tenant = await openTenant();
    const names = Array.from({ length: 150 }, (_, n) => `${String(n).padStart(3, '0')}${wide(125)}`);
    for (const run_id of names) await tenant.ok('blackboard_write', { run_id, key: 'k', value: 1 });
    const listed = await pages(tenant, 'blackboard_list', { limit: 200 }, 'boards');
    expect(listed.length).toBeGreaterThan(1);
    expect(listed.flat().map(({ run_id }) => run_id)).toEqual(names);
  });

  test('of failures too', async () => {
    const tenant = await openTenant();
    for (let n = 0; n < 24; n++)
      await tenant.ok('scar_record', {
        error_type: `Error${String.fromCharCode(97 + n)}${wide(200)}`,
        error_message: wide(200),
        cause: wide(500),
        target: wide(500),
        tags: TAGS,
      });
    for (const query of [undefined, 'Errora Errorb Errorc']) {
      const listed = await pages(tenant, 'scar_list', { limit: 100, query }, 'scars');
      const ids = listed.flat().map(({ scar_id }) => scar_id);
      if (query === undefined)
        expect([listed.length > 1, new Set(ids).size, ids.length]).toEqual([true, 24, 24]);
    }
  });
});

test('a watch ends before 64 KiB, and its position never passes an event that was not shown', async () => {
  const tenant = await openTenant();
  const cells = numbered(100, {});
  await fill(tenant, cells);
  const seen: string[] = [];
  let calls = 0;
  for (let since_rev = 0, more = true; more; calls++) {
    const answer = await tenant.ok('blackboard_watch', { since_rev, limit: 200 });
    expect(sizeOf(answer)).toBeLessThanOrEqual(ANSWER_BYTES);
    seen.push(...answer.events.map(({ key }: Answer) => key));
    expect(answer.next_rev).toBe(answer.more ? answer.events.at(-1).rev : answer.head_rev);
    expect(answer.hint !== undefined).toBe(answer.more);
    ({ next_rev: since_rev, more } = answer);
  }
  expect(calls).toBeGreaterThan(1);
  expect(seen).toEqual(cells.map(({ key }) => key));
});

describe('values that come with something else', () => {
  const cells = numbered(20, { value: 'x'.repeat(8_000), tags: TAGS });

  test('of a batch with conflicts are left out beyond 64 KiB, and each conflict still has its rev', async () => {
    const tenant = await openTenant();
    await fill(tenant, cells);
    const answer = await tenant.ok('blackboard_write', {
      entries: cells.map(({ key }) => ({ key, value: 1, if_rev: 0 })),
    });
    expect(sizeOf(answer)).toBeLessThanOrEqual(ANSWER_BYTES);
    expect(answer.hint).toMatch(/blackboard_read/);
    expect(answer.entries.map(({ status, rev }: Answer) => [status, rev > 0])).toEqual(
      cells.map(() => ['conflict', true]),
    );
    expect(answer.entries[0].current.value).toHaveLength(8_000);
    expect(answer.entries.at(-1).current).toMatchObject({ left_out: true, bytes: 8_002 });
    // What is withheld from a token that may not read is not advertised either.
    const writer = await tenant.otherPrincipal(['blackboard:write']);
    const withheld = await writer.ok('blackboard_write', {
      entries: cells.map(({ key }) => ({ key, value: 1, if_rev: 0 })),
    });
    expect(withheld).not.toHaveProperty('hint');
    expect(withheld.withheld.fields).toEqual(['entries[].current', 'hint']);
  });

  test('of claimed items are left out beyond 64 KiB, and each item still has its claim', async () => {
    const tenant = await openTenant();
    await fill(
      tenant,
      cells.map((cell) => ({ ...cell, value: '"'.repeat(4_000) })),
    );
    const answer = await tenant.ok('blackboard_claim', { prefix: '0', by: 'w', count: 10 });
    expect(sizeOf(answer)).toBeLessThanOrEqual(ANSWER_BYTES);
    expect(answer.hint).toMatch(/blackboard_read/);
    expect(new Set(answer.items.map(({ claim_id }: Answer) => claim_id)).size).toBe(10);
    expect(answer.items.at(-1)).toMatchObject({ left_out: true, bytes: 8_002, attempts: 1 });
  });

  test('of a known failure are counted when they are left out', async () => {
    const tenant = await openTenant();
    const resolution = (n: number) => `${String.fromCharCode(97 + n)}${wide(1_000)}`;
    const recorded: string[] = [];
    for (let n = 0; n < 10; n++) {
      const failure = {
        error_type: 'E',
        error_message: `search index rejected shard ${String.fromCharCode(97 + n).repeat(6)}`,
        tool: 'shell',
        target: 'host',
        tags: TAGS,
        cause: wide(500),
      };
      const { scar_id } = await tenant.ok('scar_record', { ...failure, resolution: resolution(n) });
      recorded.push(scar_id);
    }
    const answer = await tenant.ok('scar_lookup', {
      error_type: 'E',
      error_message: 'search index rejected shard',
      tool: 'shell',
      target: 'host',
      limit: 10,
    });
    expect(sizeOf(answer)).toBeLessThanOrEqual(ANSWER_BYTES);
    expect(answer.scars.length).toBeGreaterThan(0);
    expect(recorded).toEqual(expect.arrayContaining(answer.scars.map(({ scar_id }: Answer) => scar_id)));
  });
});
