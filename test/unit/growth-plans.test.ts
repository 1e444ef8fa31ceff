import { expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import { ALL_SCOPES } from '../../src/tools/families.ts';
import { createdCompartment } from '../support/compartment.ts';
import { fill } from '../support/growth-fill.ts';
import { OPERATIONS } from '../support/growth-operations.ts';
import { ISOLATION_SCRIPT } from '../support/isolation-script.ts';
import type { Answer } from '../support/tenant.ts';

/**
 * How SQLite carries out every statement of the tools: none reads a whole table that can grow without a bound, builds an index
 * for itself, or sorts. There are no statistics here, as there are none in production.
 */

interface Allowed {
  /** The start of the step. */
  readonly step: string;
  /** A part of the statement that no other has. */
  readonly of: string;
  readonly because: string;
}

const ONE_ROW = 'the table has one row';
const IN_ORDER = 'it reads in the order of the key and stops at the LIMIT';

/** Tables that may be read completely. */
const SMALL_TABLES: Readonly<Record<string, string>> = {
  sqlite_master: 'it has a row for each table and index',
  _sql_schema_migrations: 'it has a row for each migration',
  tenant: ONE_ROW,
  ledger: ONE_ROW,
  board_indexed: ONE_ROW,
  cache_totals: ONE_ROW,
  storage_totals: 'it has a row for each kind of data',
  scar_states: 'it has a row for each state',
  tokens: 'a tenant has at most 1,000 tokens',
  connections: 'a tenant has at most 64 connections',
  grants: 'a member has at most 100 grants',
  sessions: 'a tenant has at most 1,000 sessions and 256 streams',
  held_calls: 'a tenant has at most 400 held calls',
  standing_approvals: 'a tenant has at most 100 approvals that stand',
  cache_leases: 'a tenant has at most 1,000 leases',
  cache_lost_tags: 'at most 500 invalidated tags are stored',
  cache_invalidations: 'about 1,500 invalidations can be pending',
};

/** Steps of plans that read, sort or index only what is bounded. */
const BOUNDED: readonly Allowed[] = [
  { step: 'SCAN records', of: 'FROM records ORDER BY id LIMIT', because: IN_ORDER },
  {
    step: 'USE TEMP B-TREE FOR GROUP BY',
    of: "WHERE id >= ? AND id <= ? AND transport <> 'admin' GROUP BY 1",
    because: 'one page of usage has at most 25,000 records',
  },
  {
    step: 'USE TEMP B-TREE FOR GROUP BY',
    of: 'FROM usage WHERE day >= ? AND day < ? GROUP BY token_id',
    because: 'usage has at most 251 rows for each of 400 days',
  },
  {
    step: 'USE TEMP B-TREE FOR ORDER BY',
    of: 'claim_until FROM board_cells WHERE id IN (SELECT value FROM json_each(?)) ORDER BY key',
    because: 'a call names at most 500 cells',
  },
  { step: 'SCAN board_events', of: 'SELECT rev, at FROM board_events ORDER BY rev LIMIT', because: IN_ORDER },
  {
    step: 'SCAN board_events',
    of: 'SELECT at FROM board_events ORDER BY rev DESC LIMIT 1',
    because: IN_ORDER,
  },
  { step: 'SCAN scars USING COVERING INDEX scars_recent', of: 'SELECT last_seen AS at', because: IN_ORDER },
  { step: 'SCAN cache_entries', of: 'SELECT stored_at AS at FROM cache_entries', because: IN_ORDER },
  { step: 'SCAN board_marks', of: 'SELECT rev, at FROM board_marks ORDER BY rev LIMIT', because: IN_ORDER },
  {
    step: 'SCAN total',
    of: 'SELECT count(*) AS boards',
    because: 'it stops after 1,001 boards with a cell',
  },
  { step: 'SCAN s USING INDEX scars_recent', of: 'AS matches FROM scars AS s', because: IN_ORDER },
  { step: 'SCAN scars USING INDEX scars_recent', of: 'SELECT tool AS name', because: IN_ORDER },
  {
    step: 'USE TEMP B-TREE FOR ORDER BY',
    of: 'AS matches FROM scars AS s',
    because: 'the tags of one scar and of the call',
  },
  {
    step: 'USE TEMP B-TREE FOR ORDER BY',
    of: 'ORDER BY last_seen DESC, id DESC LIMIT',
    because: 'the tags of one scar and of the call',
  },
  { step: 'USE TEMP B-TREE FOR ORDER BY', of: 'FROM tokens ORDER BY', because: SMALL_TABLES.tokens ?? '' },
  {
    step: 'USE TEMP B-TREE FOR ORDER BY',
    of: 'DELETE FROM scar_runs',
    because: 'a scar has at most 65 runs',
  },
  {
    step: 'USE TEMP B-TREE FOR ORDER BY',
    of: 'AS pending CROSS JOIN cache_entries',
    because: 'both sides of the UNION have a LIMIT',
  },
  {
    step: 'USE TEMP B-TREE FOR GROUP BY',
    of: 'FROM cache_days',
    because: 'a day has 200 rows, and 30 days are stored',
  },
  {
    step: 'USE TEMP B-TREE FOR ORDER BY',
    of: 'FROM cache_days',
    because: 'a day has 200 rows, and 30 days are stored',
  },
  {
    step: 'USE TEMP B-TREE FOR ORDER BY',
    of: 'SELECT took_ms - wait_ms AS ms FROM records',
    because: 'a summary looks at 25,000 records',
  },
  ...['SCAN records', 'USE TEMP B-TREE FOR GROUP BY'].map((step) => ({
    step,
    of: 'max(iif(client IS NULL, NULL, id)) AS named',
    because: 'a tenant has at most 100,000 records, and the last use of a token is asked for seldom',
  })),
  { step: 'USE TEMP B-TREE FOR ORDER BY', of: 'FROM grants', because: 'a member has at most 100 grants' },
  ...['GROUP', 'ORDER'].map((by) => ({
    step: `USE TEMP B-TREE FOR ${by} BY`,
    of: 'max(coalesce(retry_after_ms, 0)) AS retry_after_ms FROM records',
    because: 'a summary looks at 25,000 records',
  })),
];

interface Plan {
  readonly statement: string;
  readonly steps: readonly string[];
}

/** The plans of all statements that run while the tools are used. */
function plansOfTools(): Plan[] {
  const db = openDatabase();
  const statements = new Set<string>();
  const tenant = createdCompartment({
    db: {
      ...db,
      exec: (query, ...bindings) => {
        statements.add(query);
        return db.exec(query, ...bindings);
      },
    },
  });
  const token = tenant.issue(ALL_SCOPES);
  const call = (tool: string, args: unknown): Answer => {
    const outcome = tenant.call(token, tool, args);
    return outcome.kind === 'answer' ? JSON.parse(outcome.json) : {};
  };
  fill(db, tenant.clock.now, call, { cells: 1_000, cached: 300, scars: 100 });
  const before: Answer[] = [];
  for (const step of ISOLATION_SCRIPT) before.push(call(step.tool, step.args('a', before)));
  for (const operation of OPERATIONS) {
    const [tool, args] = operation.request(0);
    operation.after?.(call, call(tool, args));
  }
  tenant.compartment.sweep();
  return [...statements].map((statement) => ({
    statement: statement.replace(/\s+/g, ' ').trim(),
    steps: db.exec<{ detail: string }>(`EXPLAIN QUERY PLAN ${statement}`).map(({ detail }) => detail),
  }));
}

/** Tables and their aliases in a statement. */
function tablesIn(statement: string): Set<string> {
  const named = statement.matchAll(
    /\b(?:FROM|JOIN|UPDATE|INTO) (\w+)(?: (?:AS )?(?!INDEXED|CROSS|JOIN|ON|WHERE|ORDER|LIMIT|SET|GROUP|UNION)(\w+))?/g,
  );
  return new Set([...named].flatMap(([, table, alias]) => [table ?? '', alias ?? '']));
}

const isCovered = ({ step, of }: Allowed, found: Step) =>
  found.step.startsWith(step) && found.statement.includes(of);

/** The table of a step that reads all of it; undefined if it is a subquery, a table-valued function or a text search. */
function scannedTable({ step, statement }: Step): string | undefined {
  const [, name = ''] = /^SCAN (\w+)/.exec(step) ?? [];
  const isDerived = statement.includes(`) AS ${name}`) || statement.includes(`RECURSIVE ${name} (`);
  if (name === '' || name === 'CONSTANT' || isDerived || !tablesIn(statement).has(name)) return undefined;
  if (!step.includes('VIRTUAL TABLE')) return name;
  return statement.includes('MATCH') && !statement.includes('LIMIT') ? name : undefined;
}

interface Step {
  readonly step: string;
  readonly statement: string;
}

test('no statement of a tool reads, sorts or indexes a table that can grow without a bound', () => {
  const plans = plansOfTools();
  expect(plans.length).toBeGreaterThan(100);
  const steps = plans.flatMap(({ statement, steps }) => steps.map((step) => ({ step, statement })));
  const found = steps.filter(
    (step) => /AUTOMATIC|TEMP B-TREE/.test(step.step) || scannedTable(step) !== undefined,
  );
  const small = found.filter((step) => Object.hasOwn(SMALL_TABLES, scannedTable(step) ?? ''));
  const rest = found.filter((step) => !small.includes(step));
  expect(rest.filter((step) => !BOUNDED.some((allowed) => isCovered(allowed, step)))).toEqual([]);
  // An entry that allows nothing any more is to be removed.
  expect(BOUNDED.filter((allowed) => !rest.some((step) => isCovered(allowed, step)))).toEqual([]);
  const read = new Set(small.map(scannedTable));
  expect(Object.keys(SMALL_TABLES).filter((table) => !read.has(table))).toEqual([]);
});
