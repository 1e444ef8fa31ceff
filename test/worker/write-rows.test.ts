import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { catalogue, sweepers } from '../../src/catalogue.ts';
import { Compartment } from '../../src/tenant/compartment.ts';
import { parseTenantId } from '../../src/tenant/contract/call.ts';
import { durableDatabase } from '../../src/tenant/storage/durable-database.ts';
import { MIGRATIONS } from '../../src/tenant/storage/migrations.ts';
import { SCOPES } from '../../src/tools/tool.ts';
import { callRequest } from '../support/call-request.ts';
import { writeOfBenchmark } from '../support/write-load.ts';

/** How many rows a write writes and how many statements it takes, as a Durable Object counts them: it is billed by the rows. */

const NOW = Date.UTC(2026, 0, 1);
const GENEROUS = { rate: 100_000, burst: 1_000_000 };
const DAY_MS = 86_400_000;
const FLUSH_EVERY = 200;

/** @param argsOf the arguments of the n-th write */
function measure(state: DurableObjectState, argsOf: (n: number) => object, warm: number, counted: number) {
  const stored = durableDatabase(state.storage);
  let statements = 0;
  const db: typeof stored = {
    ...stored,
    exec: (query, ...bindings) => {
      statements++;
      return stored.exec(query, ...bindings);
    },
  };
  const compartment = new Compartment({
    db,
    clock: () => NOW,
    monotonic: () => NOW,
    later: () => () => {},
    log: () => {},
    migrations: MIGRATIONS,
    catalogue,
    limits: { tenant: GENEROUS, tool: GENEROUS },
    storageQuotaBytes: 2 ** 32,
    sweepers,
    listeners: [],
    exclusively: (body) => body(),
  });
  const id = parseTenantId('rows');
  if (id === undefined) throw new Error('not a tenant id');
  compartment.administration.create(id);
  const issued = compartment.administration.issueToken({ label: 'test', scopes: SCOPES, ttlMs: DAY_MS });
  if (!issued.ok) throw new Error(issued.error.message);
  const token = issued.value.id;
  let [rowsBefore, statementsBefore] = [0, 0];
  for (let n = 0; n < warm + counted; n++) {
    if (n === warm) [rowsBefore, statementsBefore] = [db.rowsWritten?.() ?? 0, statements];
    const outcome = compartment.call(callRequest(token, 'blackboard_write', argsOf(n), NOW));
    if (outcome instanceof Promise || outcome.kind !== 'answer') throw new Error(JSON.stringify(outcome));
    if (n % FLUSH_EVERY === 0) compartment.flush();
  }
  return {
    rows: ((db.rowsWritten?.() ?? 0) - rowsBefore) / counted,
    statements: (statements - statementsBefore) / counted,
  };
}

const measured = (name: string, argsOf: (n: number) => object, warm: number) =>
  runInDurableObject(env.TENANTS.getByName(name), (_, state) => measure(state, argsOf, warm, 640));

test('a write that many make of few cells writes few rows', async () => {
  const { rows, statements } = await measured('write-rows', writeOfBenchmark, 1_700);
  expect(rows).toBeLessThan(8);
  expect(statements).toBeLessThan(6);
});

test('a write of one of many cells writes twice as many, because each cell is indexed anew', async () => {
  const { rows } = await measured(
    'write-rows-many',
    (n) => ({ key: `k/${(n * 7) % 500}`, value: `value ${n}` }),
    1_000,
  );
  expect(rows).toBeLessThan(15.5);
});
