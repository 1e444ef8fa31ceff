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
import { type Call, fill, type Rows } from '../support/growth-fill.ts';
import { OPERATIONS } from '../support/growth-operations.ts';

/** How many rows each call reads, as Durable Objects count them: it must not grow with what is stored. */

const SMALL: Rows = { cells: 1_000, cached: 300, scars: 200 };
const LARGE: Rows = { cells: 20_000, cached: 3_000, scars: 2_000 };
/** A call that reads no more rows than this is never too dear. */
const FEW = 250;
const NOW = Date.UTC(2026, 0, 1);
const GENEROUS = { rate: 100_000, burst: 1_000_000 };
const DAY_S = 86_400;
const IDLE_MS = 60_000;
/** Rows that one sweep writes at most: 50 entries of the cache with all that belongs to them. Those of search indexes are not counted. */
const MAX_SWEPT = 400;

/** Calls that answer with more in a larger tenant, or count more, with the rows that they read at their own limit. */
const LIMITED: Readonly<Record<string, number>> = {
  // A page of 50, and 1,001 cells counted without their rows.
  'list prefix': 1_200,
  'list claimed held, all are': 1_200,
  // A count of 301 cells, each looked up in three states, and with a second tag.
  'list tag': 1_200,
  'list two tags': 1_500,
  // Up to 1,000 boards.
  'list boards': 1_300,
  // Up to 500 candidates: the entry, the cell, and its tags; from both indexes.
  'list search word, prefix': 1_700,
  'list search word, tags': 3_500,
  'list search part of a word': 1_700,
  // 1,000 cells in order of rev, and 201 of the tag.
  'claim next of a tag': 2_500,
  // The 500 newest failures.
  'complete a tool': 550,
  // 501 cells that one call deletes, and 1,001 counted.
  'delete prefix, dry run': 1_800,
  // The 10,000th event after the revision is looked for.
  'watch from 0': 10_500,
  // Up to 500 candidates.
  'scar list, search': 1_700,
};

/** Calls that read many rows in a small tenant too, with what they may read in any. */
const AT_MOST: Readonly<Record<string, number>> = {
  // Up to 200 boards, each with its first cell.
  'complete a board': 450,
  // Ten claims, about 40 rows each.
  'claim ten of a folder': 450,
  // 101 entries, or as many of all pending invalidations, and 2 that are deleted.
  'cache invalidate small tag': 250,
  'cache invalidate model': 600,
  'cache invalidate large tag': 800,
  'cache stats, reclaiming more': 800,
  // 10 words with 100 to 250 scars each, 16 trigrams with 50 to 250, and 60 scars of each stage.
  'scar lookup, similar': 2_600,
  'scar check, other tool': 2_600,
  // The same by 4 words.
  'scar check': 1_200,
  'scar record, new': 1_200,
  // 501 row ids of each index, and 500 candidates: the entry, the cell, and what decides its state.
  'list search word': 2_500,
  'list search five words': 3_000,
};

/** The rows that each operation reads in a tenant of this size, and those that each sweep writes once the tenant is idle. */
function measure(state: DurableObjectState, size: Rows): { read: Map<string, number>; swept: number[] } {
  const sql = state.storage.sql;
  let rows = 0;
  let written = 0;
  let now = NOW;
  const db = {
    ...durableDatabase(state.storage),
    exec: (query: string, ...bindings: (string | number | null)[]) => {
      const cursor = sql.exec(query, ...bindings);
      const found = cursor.toArray();
      rows += cursor.rowsRead;
      written += cursor.rowsWritten;
      return found as never;
    },
  };
  const compartment = new Compartment({
    db,
    clock: () => now,
    monotonic: () => now,
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
  const id = parseTenantId('growth');
  if (id === undefined) throw new Error('not a tenant id');
  compartment.administration.create(id);
  const issued = compartment.administration.issueToken({
    label: 'test',
    scopes: SCOPES,
    ttlMs: DAY_S * 1_000,
  });
  if (!issued.ok) throw new Error(issued.error.message);
  const token = issued.value.id;
  const call: Call = (tool, args) => {
    const outcome = compartment.call(callRequest(token, tool, args, NOW));
    if (outcome instanceof Promise || outcome.kind !== 'answer')
      throw new Error(`${tool}: ${JSON.stringify(outcome)}`);
    return JSON.parse(outcome.json);
  };
  fill(db, NOW, call, size);
  call('blackboard_list', { query: 'everything is indexed now' });
  const read = new Map<string, number>();
  for (const operation of OPERATIONS) {
    rows = 0;
    const [tool, args] = operation.request(0);
    const answer = call(tool, args);
    read.set(operation.name, rows);
    operation.after?.(call, answer);
  }
  now += IDLE_MS;
  const swept: number[] = [];
  for (let progress: unknown = 'more'; progress === 'more' && swept.length < 300; ) {
    written = 0;
    progress = compartment.sweep();
    swept.push(written);
  }
  return { read, swept };
}

test('no call reads more than twice as many rows in a tenant with twenty times as many', {
  timeout: 120_000,
}, async () => {
  const [inSmall, inLarge] = await Promise.all(
    [SMALL, LARGE].map((size) =>
      runInDurableObject(env.TENANTS.getByName(`growth-${size.cells}`), (_, state) => measure(state, size)),
    ),
  );
  const small = inSmall?.read;
  const large = inLarge?.read;
  const grown = [...(large ?? [])]
    .map(([name, rows]) => ({ name, before: small?.get(name) ?? 0, after: rows }))
    .filter(({ name, before, after }) => after > Math.max(2 * before, LIMITED[name] ?? FEW));
  expect(grown).toEqual([]);
  const over = Object.entries(AT_MOST).map(([name, most]) => ({
    name,
    most,
    rows: large?.get(name) ?? Number.NaN,
  }));
  expect(over.filter(({ most, rows }) => !(rows <= most))).toEqual([]);
  // An entry that allows nothing any more is to be removed.
  const stale = Object.keys(LIMITED).filter(
    (name) => (large?.get(name) ?? 0) <= Math.max(2 * (small?.get(name) ?? 0), FEW),
  );
  expect(stale).toEqual([]);
  const swept = inLarge?.swept ?? [];
  expect(swept.length).toBeGreaterThan(20);
  expect(Math.max(...swept)).toBeLessThan(MAX_SWEPT);
  // The last one found nothing to do, so the tenant sleeps for an hour.
  expect(swept.at(-1)).toBeLessThan(5);
});
