import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import type { TestTenant } from '../../support/tenant.ts';

const HOUR_MS = 3_600_000;
const failure = { error_type: 'TimeoutError', context: 'calling the search service' };

async function scarWith(tenant: TestTenant, ...resolutions: string[]): Promise<string> {
  const { scar_id } = await tenant.ok('scar_record', failure);
  for (const resolution of resolutions) await tenant.ok('scar_record', { ...failure, resolution });
  return scar_id;
}

const fixId = async (tenant: TestTenant, resolution: string): Promise<string> => {
  const { fixes, avoid } = await tenant.ok('scar_lookup', failure);
  return [...fixes, ...avoid].find((fix) => fix.resolution === resolution)?.fix_id;
};

test('a fix that worked resolves the scar and gains confidence', async () => {
  const tenant = await openTenant();
  const scar_id = await scarWith(tenant, 'retry later');
  expect(await tenant.ok('scar_resolve', { scar_id, outcome: 'worked' })).toEqual({
    scar_id,
    fix_id: await fixId(tenant, 'retry later'),
    state: 'resolved',
    worked: 1,
    failed: 0,
    confidence: 0.207,
    verified: false,
  });
});

test('a fix is verified when another than its author reports that it worked', async () => {
  const tenant = await openTenant();
  const other = await tenant.otherPrincipal();
  const scar_id = await scarWith(tenant, 'retry later');
  const report = (by: TestTenant, outcome: string) => by.ok('scar_resolve', { scar_id, outcome });
  expect((await report(tenant, 'worked')).verified).toBe(false);
  expect((await report(other, 'failed')).verified).toBe(false);
  expect((await report(other, 'worked')).verified).toBe(true);
  expect((await report(tenant, 'failed')).verified).toBe(true);
});

test('five reports an hour from one reporter on one fix count', async () => {
  const tenant = await openTenant();
  const other = await tenant.otherPrincipal();
  const scar_id = await scarWith(tenant, 'retry later');
  const report = (by: TestTenant) => by.ok('scar_resolve', { scar_id, outcome: 'worked' });
  for (let i = 1; i <= 5; i++) expect((await report(tenant)).worked).toBe(i);
  expect((await report(tenant)).worked).toBe(5);
  expect((await report(other)).worked).toBe(6);
  const another = { scar_id, outcome: 'failed', resolution: 'another fix' };
  expect((await tenant.ok('scar_resolve', another)).failed).toBe(1);
  const fix_id = await fixId(tenant, 'retry later');
  tenant.advance(HOUR_MS - 1);
  expect((await tenant.ok('scar_resolve', { scar_id, fix_id, outcome: 'worked' })).worked).toBe(6);
  tenant.advance(1);
  expect((await tenant.ok('scar_resolve', { scar_id, fix_id, outcome: 'worked' })).worked).toBe(7);
});

test('a report that does not count still says how the failure is', async () => {
  const tenant = await openTenant();
  const scar_id = await scarWith(tenant, 'retry later');
  for (let i = 0; i < 5; i++) await tenant.ok('scar_resolve', { scar_id, outcome: 'worked' });
  expect(await tenant.ok('scar_resolve', { scar_id, outcome: 'failed' })).toMatchObject({
    worked: 5,
    failed: 0,
    state: 'regressed',
  });
});

test('a new resolution is added with its first report', async () => {
  const tenant = await openTenant();
  const scar_id = await scarWith(tenant);
  const added = await tenant.ok('scar_resolve', {
    scar_id,
    outcome: 'worked',
    resolution: 'use the cache; token=abcd1234',
    agent: 'bob',
    evidence: 'ran green with password=hunter22',
  });
  expect(added).toMatchObject({ worked: 1, failed: 0, state: 'resolved', verified: false });
  const found = await tenant.ok('scar_lookup', failure);
  expect(found.resolution).toBe('use the cache; token=[redacted:assignment]');
  expect(found.fixes[0]).toMatchObject({
    agent: 'bob',
    evidence: 'ran green with password=[redacted:assignment]',
  });
  const again = { scar_id, outcome: 'worked', resolution: 'Use the cache; token=abcd1234' };
  expect(await tenant.ok('scar_resolve', again)).toMatchObject({ fix_id: added.fix_id, worked: 2 });
});

describe('which fix is meant', () => {
  test('none of none, and which of several, must be said', async () => {
    const tenant = await openTenant();
    const bare = await scarWith(tenant);
    for (const outcome of ['worked', 'failed', 'not_applicable']) {
      expect(await tenant.error('scar_resolve', { scar_id: bare, outcome })).toMatchObject({
        code: 'invalid_input',
        field: 'fix_id',
      });
    }
    await scarWith(tenant, 'a', 'b');
    expect(await tenant.error('scar_resolve', { scar_id: bare, outcome: 'worked' })).toMatchObject({
      code: 'invalid_input',
      field: 'fix_id',
    });
    const fix_id = await fixId(tenant, 'a');
    expect(await tenant.ok('scar_resolve', { scar_id: bare, fix_id, outcome: 'failed' })).toMatchObject({
      fix_id,
      failed: 1,
    });
  });

  test('not both a known and a new one, and no new one that was not tried', async () => {
    const tenant = await openTenant();
    const scar_id = await scarWith(tenant, 'a');
    const fix_id = await fixId(tenant, 'a');
    const both = { scar_id, fix_id, resolution: 'b', outcome: 'worked' };
    expect(await tenant.error('scar_resolve', both)).toMatchObject({ field: 'resolution' });
    for (const outcome of ['not_applicable', 'wrong_match']) {
      const untried = { scar_id, resolution: 'b', outcome };
      expect(await tenant.error('scar_resolve', untried)).toMatchObject({ field: 'resolution' });
    }
    expect((await tenant.ok('scar_lookup', failure)).scars[0].fixes).toBe(1);
  });

  test.each(['scar_999', 'scar_0', 'scar_01', '7', 'x', "scar_1' OR 1=1", 'scar_99999999999999999999'])(
    'the unknown scar %s',
    async (scar_id) => {
      const tenant = await openTenant();
      await scarWith(tenant, 'a');
      expect(await tenant.error('scar_resolve', { scar_id, outcome: 'worked' })).toMatchObject({
        code: 'unknown_handle',
        field: 'scar_id',
        hint: expect.stringContaining('scar_record'),
        retryable: false,
      });
    },
  );

  test('a fix of another scar is unknown', async () => {
    const tenant = await openTenant();
    await scarWith(tenant, 'a');
    const other = await tenant.ok('scar_record', { error_type: 'Other', resolution: 'b' });
    for (const fix_id of [await fixId(tenant, 'a'), 'fix_0', 'x']) {
      const report = { scar_id: other.scar_id, fix_id, outcome: 'worked' };
      expect(await tenant.error('scar_resolve', report)).toMatchObject({
        code: 'unknown_handle',
        field: 'fix_id',
      });
    }
  });
});

test('what does not apply or match changes neither confidence nor state', async () => {
  const tenant = await openTenant();
  const scar_id = await scarWith(tenant, 'a');
  const before = await tenant.ok('scar_resolve', { scar_id, outcome: 'worked' });
  expect(await tenant.ok('scar_resolve', { scar_id, outcome: 'not_applicable' })).toEqual(before);
  expect(await tenant.ok('scar_resolve', { scar_id, outcome: 'wrong_match' })).toEqual({
    scar_id,
    state: 'resolved',
    worked: 0,
    failed: 0,
    confidence: 0,
    verified: false,
  });
  expect(await tenant.ok('scar_resolve', { scar_id, fix_id: before.fix_id, outcome: 'wrong_match' })).toEqual(
    before,
  );
});

test('of equal fixes the one that applied wherever it was tried comes first', async () => {
  const tenant = await openTenant();
  const scar_id = await scarWith(tenant, 'older', 'newer');
  const fix_id = await fixId(tenant, 'newer');
  await tenant.ok('scar_resolve', { scar_id, fix_id, outcome: 'not_applicable' });
  const { fixes } = await tenant.ok('scar_lookup', failure);
  expect(fixes.map((fix: { resolution: string }) => fix.resolution)).toEqual(['older', 'newer']);
});

test('evidence over 1,024 bytes is too large', async () => {
  const tenant = await openTenant();
  const scar_id = await scarWith(tenant, 'a');
  const report = { scar_id, outcome: 'worked', evidence: 'x'.repeat(1024) };
  expect((await tenant.ok('scar_resolve', report)).worked).toBe(1);
  expect(await tenant.error('scar_resolve', { ...report, evidence: 'x'.repeat(1025) })).toMatchObject({
    code: 'too_large',
    field: 'evidence',
    limit: 1024,
  });
});

test('a repeat with the same idempotency_key counts once', async () => {
  const tenant = await openTenant();
  const scar_id = await scarWith(tenant, 'a');
  const report = { scar_id, outcome: 'worked', idempotency_key: 'k' };
  const first = await tenant.ok('scar_resolve', report);
  expect(await tenant.ok('scar_resolve', report)).toEqual(first);
  expect((await tenant.ok('scar_resolve', { scar_id, outcome: 'worked' })).worked).toBe(2);
});
