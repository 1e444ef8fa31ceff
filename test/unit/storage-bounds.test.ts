import { beforeAll, describe, expect, test } from 'vitest';
import { catalogue } from '../../src/catalogue.ts';
import { MAX_ANSWERS_BYTES } from '../../src/tenant/calls/idempotency.ts';
import { MAX_RECORDS } from '../../src/tenant/records/prune.ts';
import { type StorageUsage, storageUsage } from '../../src/tenant/storage/usage.ts';
import { MAX_MARK_BYTES } from '../../src/tools/blackboard/sweep.ts';
import { MAX_MISSED_QUESTION_BYTES } from '../../src/tools/cache/cache-input.ts';
import { MAX_LEASES } from '../../src/tools/cache/lease.ts';
import { isRemoteTool } from '../../src/tools/remote-tool.ts';
import { MAX_SHOWN_BYTES } from '../../src/tools/scar/runs.ts';
import { SCOPES } from '../../src/tools/tool.ts';
import { MAX_SESSIONS } from '../../src/transport-tools/session-store.ts';
import { createdCompartment, type TestCompartment } from '../support/compartment.ts';
import type { Answer } from '../support/tenant.ts';

/** No tool, repeated without end, can make the database grow without a bound: with a token that only reads or only writes. */

const MIB = 1024 * 1024;
const QUOTA = 2 * MIB;
/** What one call can add, and what a bound may be exceeded by until the next call drops it. */
const SLACK = 2 * MIB;
const ROUNDS = 600;

/** A name of the largest size: `chars` characters of four bytes, different for each `n`. */
const wide = (n: number, chars: number) => `${n}-${'🦀'.repeat(chars - String(n).length - 1)}`;
const board = (n: number) => ({ run_id: wide(n, 128), key: wide(n, 256) });
const LONG_CELL = { run_id: 'r'.repeat(128), key: 'k'.repeat(256) };
const LARGE_CELLS = Array.from({ length: 20 }, (_, n) => `large/${n}`);
const question = (n: number) => ({ model: wide(0, 256), namespace: wide(0, 128), prompt: wide(n, 1200) });
const failure = (n: number) => ({ error_type: `E${n}`, error_message: wide(n, 400), tool: 'x' });

/** A write that changes nothing, and is answered with the beginnings of twenty large cells. */
const conflicting = (n: number) => ({
  entries: LARGE_CELLS.map((key) => ({ key, value: 1, if_rev: 99 })),
  idempotency_key: `conflict-${n}`,
});

type Args = (n: number, before: Answer) => object;
/** Calls of every tool that writes, with as much as it stores. `before`: the newest answer that has each field. */
const WRITES: readonly (readonly [tool: string, args: Args])[] = [
  ['blackboard_write', (n) => ({ ...board(n), value: 'x'.repeat(500), idempotency_key: `write-${n}` })],
  ['blackboard_write', (n) => ({ key: 'k', run_id: 'claims', value: n })],
  ['blackboard_claim', () => ({ key: 'k', run_id: 'claims', by: wide(0, 128) })],
  ['blackboard_release', (_, { claim_id = 'none' }) => ({ claim_id, value: 'x'.repeat(500) })],
  ['blackboard_claim', () => ({ ...board(0), by: wide(0, 128) })],
  ['blackboard_release', (_, { claim_id = 'none' }) => ({ claim_id })],
  ['blackboard_delete', (n) => ({ run_id: wide(n, 128), keys: [wide(n, 256), wide(n + 1, 256)] })],
  ['scar_record', (n) => ({ ...failure(n), run_id: wide(n, 128), idempotency_key: `scar-${n}` })],
  ['scar_resolve', (n, { scar_id = 'scar_1' }) => ({ scar_id, outcome: 'failed', resolution: wide(n, 400) })],
  ['scar_update', (n, { scar_id = 'scar_1' }) => ({ scar_id, tags: [wide(n, 64)] })],
  ['scar_check', (n) => ({ action: 'the deploy of the shop', tool: 'deploy', run_id: wide(n, 128) })],
  ['scar_delete', (_, { scar_id = 'scar_1' }) => ({ scar_id })],
  ['cache_get', (n) => ({ ...question(n), lease_s: 600 })],
  ['cache_set', (n) => ({ ...question(n), response: 'x'.repeat(500), tags: [wide(n, 64)] })],
  ['cache_invalidate', (n) => ({ tag: wide(n, 64) })],
  ['tenant_approval', () => ({ approval_id: 'ap_none' })],
  ['session_open', (n) => ({ session_id: `session-${n}`, kind: 'session' })],
  ['session_log_level', (n) => ({ session_id: `session-${n}`, level: 'error' })],
  ['resources_subscribe', (n) => ({ session_id: `session-${n}`, uri: 'u', ...board(n) })],
  ['resources_unsubscribe', (n) => ({ session_id: `session-${n - 1}`, uri: 'u' })],
  ['stream_open', (n) => ({ session_id: `stream-${n}`, list_changed: true, cells: [] })],
  ['session_close', (n) => ({ session_id: `stream-${n}` })],
];

test('every tool that writes is among them', () => {
  const writing = catalogue.all.filter((tool) => !isRemoteTool(tool) && !tool.annotations.readOnlyHint);
  const names = new Set(WRITES.map(([tool]) => tool));
  expect(writing.map((tool) => tool.name).filter((name) => !names.has(name))).toEqual([]);
});

/** A tenant with cells to claim, scars to be shown, and large cells, whose values a conflict answers with. */
function prepared(): TestCompartment {
  const tenant = createdCompartment({ storageQuotaBytes: QUOTA });
  const token = tenant.issue();
  for (const [tool, args] of [
    ['blackboard_write', { ...board(0), value: 1 }],
    ['blackboard_write', { key: 'k', run_id: 'claims', value: 1 }],
    ['blackboard_write', { ...LONG_CELL, value: 1 }],
    ['blackboard_write', { entries: LARGE_CELLS.map((key) => ({ key, value: 'x'.repeat(10_000) })) }],
    ['scar_record', { error_type: 'E', error_message: 'the deploy of the shop failed', tool: 'deploy' }],
  ] as const)
    expect(tenant.call(token, tool, args)).toMatchObject({ kind: 'answer' });
  return tenant;
}

function attack(tenant: TestCompartment, suffix: 'read' | 'write'): void {
  const token = tenant.issue(SCOPES.filter((scope) => scope.endsWith(suffix)));
  let before: Answer = {};
  for (let n = 0; n < ROUNDS; n++) {
    for (const [tool, args] of WRITES) {
      const outcome = tenant.call(token, tool, args(n, before));
      if (outcome.kind === 'answer') before = { ...before, ...JSON.parse(outcome.json) };
    }
    // Claims end, so that they can be taken again.
    tenant.clock.now += 1000;
  }
}

describe.each(['read', 'write'] as const)('a token that may only %s', (suffix) => {
  let usage: StorageUsage;
  beforeAll(() => {
    const tenant = prepared();
    attack(tenant, suffix);
    usage = storageUsage(tenant.db);
  }, 120_000);

  test('leaves the data within the quota', () => {
    expect(usage.counted).toBeLessThan(QUOTA + SLACK);
  });

  test('leaves the clients and records within their numbers', () => {
    const { leases, records, sessions } = usage.bookkeeping;
    expect(leases.rows).toBeLessThanOrEqual(MAX_LEASES);
    expect(records.rows).toBeLessThanOrEqual(MAX_RECORDS + 512);
    expect(sessions.rows).toBeLessThanOrEqual(2 * MAX_SESSIONS + 512);
  });
});

/** Each kind that is bounded in bytes, and calls that go beyond its bound. */
const SHARES = [
  ['idempotency', MAX_ANSWERS_BYTES, 610, [['blackboard_write', conflicting]]],
  [
    'claims',
    MAX_MARK_BYTES,
    6500,
    [
      ['blackboard_claim', () => ({ ...LONG_CELL, by: wide(0, 128) })],
      ['blackboard_release', (n: number, { claim_id = 'none' }: Answer) => ({ claim_id, value: n })],
    ],
  ],
  [
    'shown',
    MAX_SHOWN_BYTES,
    9000,
    [
      [
        'scar_check',
        (n: number) => ({ action: 'the deploy of the shop', tool: 'deploy', run_id: wide(n, 128) }),
      ],
    ],
  ],
  ['questions', MAX_MISSED_QUESTION_BYTES, 1400, [['cache_get', question]]],
] as const;

test.each(SHARES)(
  'the share of %s is full and not exceeded, and is not taken from the data',
  (kind, bound, calls, steps) => {
    const tenant = prepared();
    const token = tenant.issue();
    const counted = () => storageUsage(tenant.db).counted;
    const before = counted();
    let last: Answer = {};
    for (let n = 0; n < calls; n++) {
      for (const [tool, args] of steps) {
        const outcome = tenant.call(token, tool, args(n, last));
        if (outcome.kind !== 'answer') throw new Error(JSON.stringify(outcome));
        last = JSON.parse(outcome.json);
      }
    }
    const { bytes } = storageUsage(tenant.db).bookkeeping[kind];
    expect(bytes).toBeLessThanOrEqual(bound);
    expect(bytes).toBeGreaterThan(0.9 * bound);
    // Every large row leaves the last of its pages half empty, which nobody counts.
    expect(counted()).toBeLessThan(before + 1.25 * MIB);
  },
);
