import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../support/tenant.ts';

const MIB = 1024 * 1024;
const QUOTA = 3 * MIB;
/** A failure is compared with those that are stored, so filling twice the room takes four times as long. */
const QUOTA_OF_FAILURES = 1.5 * MIB;
const FULL = { code: 'quota_exceeded', retryable: true };
/** How often a call that says when to repeat it is repeated. */
const MAX_TRIES = 10;

const open = (quota = QUOTA) => openTenant(undefined, quota);
/** Text of `chars` characters that differs for each `n`, so that search indexes have something to store. */
const words = (n: number, chars: number) =>
  Array.from({ length: Math.ceil(chars / 7) }, (_, i) => (n * 7919 + i * 104_729).toString(36))
    .join(' ')
    .slice(0, chars);

type Write = readonly [tool: string, args: object];
const writes = {
  cells: (n: number): Write => ['blackboard_write', { key: `k/${n}`, value: words(n, 8000) }],
  failures: (n: number): Write => [
    'scar_record',
    { error_type: `E${n}`, error_message: words(n, 300), context: words(n + 1, 3000) },
  ],
  answers: (n: number): Write => [
    'cache_set',
    { model: 'm', prompt: `prompt ${n}`, response: words(n, 8000) },
  ],
  mixed: (n: number): Write => [writes.cells, writes.failures, writes.answers][n % 3]?.(n) ?? writes.cells(n),
};

/** Writes until the quota refuses a call. @returns how many calls were answered */
async function fill(tenant: TestTenant, write: (n: number) => Write, quota = QUOTA): Promise<number> {
  for (let n = 0, tries = 0; ; ) {
    const outcome = await tenant.outcome(...write(n));
    if (outcome.kind === 'answer') {
      n++;
      tries = 0;
      continue;
    }
    expect(outcome).toMatchObject({ kind: 'error', error: { ...FULL, limit: quota } });
    const waits = outcome.kind === 'error' && outcome.error.retry_after_ms !== undefined;
    if (!waits || ++tries > MAX_TRIES) return n;
  }
}

async function empty(tenant: TestTenant): Promise<void> {
  await tenant.ok('cache_invalidate', { all: true });
  await tenant.ok('blackboard_delete', { prefix: 'k/' });
  for (;;) {
    const { scars } = await tenant.ok('scar_list', { limit: 50 });
    if (scars.length === 0) return;
    for (const { scar_id } of scars) await tenant.ok('scar_delete', { scar_id });
  }
}

describe('a tenant that fills its quota and deletes everything', () => {
  test.each([
    ['cells', QUOTA],
    ['failures', QUOTA_OF_FAILURES],
    ['answers', QUOTA],
    ['mixed', QUOTA_OF_FAILURES],
  ] as const)('has as much room as before: %s', async (kind, quota) => {
    const tenant = await open(quota);
    const first = await fill(tenant, writes[kind], quota);
    expect(first).toBeGreaterThan(20);
    for (let cycle = 0; cycle < 2; cycle++) {
      await empty(tenant);
      const again = await fill(tenant, writes[kind], quota);
      expect(again / first).toBeGreaterThan(0.93);
      expect(again / first).toBeLessThan(1.07);
    }
  });
});

describe('at the quota', () => {
  test('old versions give way, and who is behind is answered with a reset', async () => {
    const tenant = await open();
    const { rev } = await tenant.ok('blackboard_write', { key: 'first', value: 1 });
    await tenant.ok('blackboard_write', { key: 'first', value: 2 });
    expect(await tenant.ok('blackboard_read', { key: 'first', at_rev: rev })).toMatchObject({
      entries: [{ found: true, value: 1 }],
    });
    await fill(tenant, writes.cells);
    expect(await tenant.ok('blackboard_read', { key: 'first', at_rev: rev })).toMatchObject({
      entries: [{ found: false, reason: 'version_not_kept' }],
    });
    expect(await tenant.ok('blackboard_read', { key: 'first' })).toMatchObject({ entries: [{ value: 2 }] });
    // Also for a newcomer, who would otherwise believe that there are no more cells than the events that are left.
    for (const since_rev of [0, rev])
      expect((await tenant.ok('blackboard_watch', { since_rev })).reset).toBe(true);
    const { head_rev } = await tenant.ok('blackboard_watch', { since_rev: 0 });
    expect((await tenant.ok('blackboard_watch', { since_rev: head_rev })).reset).toBe(false);
  });

  test('claiming, releasing and deleting go on, and what was written last is found', async () => {
    const tenant = await open();
    const cells = await fill(tenant, writes.cells);
    expect(await tenant.error('blackboard_write', { key: 'more', value: 1 })).toMatchObject({
      ...FULL,
      limit: QUOTA,
    });
    for (const result of [{}, { value: 'a small result' }, { tags: ['done'] }, { delete: true }]) {
      const { claim_id } = await tenant.ok('blackboard_claim', { key: 'k/0', by: 'worker' });
      expect(await tenant.ok('blackboard_release', { claim_id, ...result })).toMatchObject({
        status: 'released',
      });
    }
    const found = await tenant.ok('blackboard_list', { query: words(cells - 1, 8000).slice(0, 20) });
    expect(found.entries.map(({ key }: { key: string }) => key)).toContain(`k/${cells - 1}`);
    expect(await tenant.ok('blackboard_delete', { prefix: 'k/' })).toMatchObject({ status: 'deleted' });
    expect(await tenant.ok('blackboard_write', { key: 'more', value: 1 })).toMatchObject({
      status: 'created',
    });
  });

  test('the bytes that tenant_limits shows are those that the quota counts', async () => {
    const tenant = await open();
    await fill(tenant, writes.cells);
    const { storage } = await tenant.ok('tenant_limits');
    expect(storage.quota_bytes).toBe(QUOTA);
    expect(storage.bytes).toBeGreaterThanOrEqual(QUOTA);
    await empty(tenant);
    expect((await tenant.ok('tenant_limits')).storage.bytes).toBeLessThan(QUOTA / 2);
  });
});
