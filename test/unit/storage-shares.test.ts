import { describe, expect, test } from 'vitest';
import { catalogue } from '../../src/catalogue.ts';
import { type RecordRow, valuesOf } from '../../src/tenant/records/record.ts';
import { MAX_TOKENS } from '../../src/tenant/storage/tokens.ts';
import { ALL_SCOPES } from '../../src/tools/tool.ts';
import { createdCompartment, type TestCompartment } from '../support/compartment.ts';

/** What is stored beside the data takes no room from them, whatever it holds. */

const MIB = 1024 * 1024;
const sequence = (count: number) => [...Array(count).keys()];
/** A name of `chars` characters of four bytes, different for each `n`. */
const wide = (n: number, chars: number) => `${n}-${'🦀'.repeat(chars - String(n).length - 1)}`;

/** Lets what was put off happen. */
function settle({ clock, runLater }: TestCompartment): void {
  clock.now += 600;
  runLater();
}

const quotes = sequence(20).map((n) => `${n}${'"'.repeat(200)}`);
const CALLS: Readonly<Record<string, (n: number) => readonly [tool: string, args: object]>> = {
  'of small reads': (n) => ['blackboard_read', { key: `a/${n}` }],
  'of names in four bytes': (n) => ['blackboard_read', { run_id: wide(n, 128), keys: [wide(n, 256)] }],
  'that have a page each': (n) => [
    'blackboard_read',
    { keys: sequence(10).map((i) => `${n}-${i}${'k'.repeat(200)}`) },
  ],
  'of what JSON escapes': (n) => ['blackboard_read', { keys: quotes.map((key) => key + n) }],
};

describe('records', () => {
  test.each(Object.entries(CALLS))('%s count what they take, within a fifth', (_name, call) => {
    const tenant = createdCompartment();
    const token = tenant.issue();
    for (const n of sequence(400)) {
      tenant.call(token, ...call(n));
      if (n % 20 === 0) settle(tenant);
    }
    settle(tenant);
    const [counted] = tenant.db.exec<{ bytes: number }>('SELECT sum(size) AS bytes FROM records');
    const [taken] = tenant.db.exec<{ bytes: number }>(
      "SELECT sum(pgsize) AS bytes FROM dbstat WHERE name = 'records'",
    );
    const ratio = (counted?.bytes ?? 0) / (taken?.bytes ?? 0);
    expect(ratio).toBeGreaterThan(0.95);
    expect(ratio).toBeLessThan(1.2);
  });

  test('that were counted in characters, as earlier releases did, are intact', () => {
    const tenant = createdCompartment();
    const token = tenant.issue();
    tenant.call(token, 'blackboard_read', { key: wide(1, 200) });
    settle(tenant);
    const [row] = tenant.db.exec<RecordRow>('SELECT * FROM records ORDER BY id DESC LIMIT 1');
    if (row === undefined) throw new Error('nothing was recorded');
    const earlier = JSON.stringify(valuesOf(row)).length + 80 + (row.run === row.id ? 220 : 0);
    expect(earlier).not.toBe(row.size);
    for (const [size, isIntact] of [
      [row.size, true],
      [earlier, true],
      [earlier + 1, false],
    ] as const) {
      tenant.db.exec('UPDATE records SET size = ? WHERE id = ?', size, row.id);
      const verified = tenant.compartment.reading.verify();
      expect(verified.ok && verified.value.broken === undefined).toBe(isIntact);
    }
  });
});

test('cycles of writing until the quota is used up and deleting everything find the same room', () => {
  const tenant = createdCompartment({ storageQuotaBytes: 2 * MIB });
  const token = tenant.issue();
  const tags = sequence(16).map((n) => wide(n, 60));
  const entry = (n: number) => ({
    ...{ prompt: wide(n, 240), model: wide(n, 200), namespace: wide(n, 100), tags },
    ...{ response: 'x', finish_reason: 'stop' },
  });
  const fill = (from: number) => {
    for (let n = from; ; n++) {
      const outcome = tenant.call(token, 'cache_set', entry(n));
      settle(tenant);
      if (outcome.kind !== 'answer') return n - from;
    }
  };
  const found = sequence(8).map((cycle) => {
    const stored = fill(cycle * 10_000);
    while (true) {
      const outcome = tenant.call(token, 'cache_invalidate', { all: true });
      if (outcome.kind !== 'answer') throw new Error(`a deletion is refused: ${JSON.stringify(outcome)}`);
      if (JSON.parse(outcome.json).more !== true) break;
    }
    for (const _ of sequence(10)) {
      tenant.clock.now += 1000;
      tenant.compartment.sweep();
    }
    return stored;
  });
  const [first = 0] = found;
  expect(first).toBeGreaterThan(50);
  for (const stored of found) {
    expect(stored).toBeGreaterThan(first * 0.8);
    expect(stored).toBeLessThan(first * 1.25);
  }
});

test('a token that may issue tokens shuts out no data by as many as there can be', () => {
  const tenant = createdCompartment({ storageQuotaBytes: MIB });
  const token = tenant.issue();
  const tools = catalogue.tools.map(({ name }) => name);
  const issue = () =>
    tenant.compartment.administration.issueToken({
      label: '🦀'.repeat(32),
      scopes: ALL_SCOPES,
      ttlMs: 1e9,
      tools,
    });
  expect(tenant.call(token, 'blackboard_write', { key: 'before', value: 1 }).kind).toBe('answer');
  while (issue().ok);
  expect(tenant.compartment.administration.tokens()).toMatchObject({ value: { length: MAX_TOKENS } });
  expect(tenant.call(token, 'blackboard_write', { key: 'after', value: 1 }).kind).toBe('answer');
});
