import { expect, test } from 'vitest';
import { parseLevels, readStructure, SEARCH_INDEXES } from '../../src/tools/search-merge.ts';
import { createdCompartment } from '../support/compartment.ts';
import { type Call, fill, type Rows } from '../support/growth-fill.ts';
import type { Answer } from '../support/tenant.ts';

const MINUTE_MS = 60_000;
const MANY: Rows = { cells: 2_500, cached: 100, scars: 100 };
const FEW: Rows = { cells: 400, cached: 10, scars: 10 };

function open(rows: Rows) {
  const test = createdCompartment();
  const token = test.issue();
  const call = (tool: string, args: object): Answer => {
    const outcome = test.call(token, tool, args);
    if (outcome.kind !== 'answer') throw new Error(JSON.stringify(outcome));
    return JSON.parse(outcome.json);
  };
  fill(test.db, test.clock.now, call as Call, rows);
  test.clock.now += MINUTE_MS;
  return { ...test, call };
}
type Tenant = ReturnType<typeof open>;

const levelsOf = ({ db }: Tenant, index: (typeof SEARCH_INDEXES)[number]) =>
  parseLevels(readStructure(db, index));

const segments = (tenant: Tenant) =>
  SEARCH_INDEXES.map((index) => levelsOf(tenant, index).map((level) => level.segments));

const pages = (tenant: Tenant) =>
  SEARCH_INDEXES.flatMap((index) => levelsOf(tenant, index)).reduce((sum, level) => sum + level.pages, 0);

function mergeAll({ compartment }: Tenant): number {
  let steps = 0;
  while (compartment.sweep() === 'more') expect(++steps).toBeLessThan(200);
  return steps;
}

/** The answers of all kinds of search. */
function searches({ call }: Tenant) {
  const board = { run_id: 'big', limit: 200 };
  return [
    ...['common', 'third', 'needle', 'absentword', 'step_12', 'report parse deploy needle', 'own0000019'].map(
      (query) => call('blackboard_list', { ...board, query }),
    ),
    call('blackboard_list', { ...board, query: 'common', prefix: 'late/' }),
    call('blackboard_list', { ...board, query: 'common', tags: ['todo', 'report'] }),
    call('blackboard_list', { run_id: 'small-0000003', query: 'common' }),
    call('scar_list', { query: 'deploy failed', limit: 50 }),
    call('scar_lookup', {
      error_type: 'Error7',
      error_message: 'index of merge zebra failed while report ran',
    }),
    call('cache_get', {
      model: 'm',
      namespace: 'ns-1',
      prompt: 'What does parse do with the deploy',
      similar: true,
    }),
  ];
}

test('an idle tenant merges its search indexes in steps, finds the same, and then stops', () => {
  const tenant = open(MANY);
  tenant.call('blackboard_delete', { run_id: 'big', prefix: 'agent-3/' });
  const { now } = tenant.clock;
  const found = searches(tenant);
  tenant.clock.now += MINUTE_MS;
  expect(
    segments(tenant)
      .flat()
      .reduce((a, b) => a + b),
  ).toBeGreaterThan(30);
  expect(mergeAll(tenant)).toBeGreaterThan(3);
  for (const levels of segments(tenant)) expect(Math.max(...levels)).toBe(1);
  const stored = () =>
    SEARCH_INDEXES.map((index) => tenant.db.exec(`SELECT id, hex(block) FROM ${index}_data`));
  const merged = stored();
  for (let n = 0; n < 3; n++) {
    tenant.clock.now += MINUTE_MS;
    expect(tenant.compartment.sweep()).toBe('done');
  }
  expect(stored()).toEqual(merged);
  tenant.clock.now = now;
  expect(searches(tenant)).toEqual(found);
});

test('one step merges a bounded number of pages, and what is written between two steps is found', () => {
  const tenant = open(MANY);
  for (let n = 0; n < 4; n++) {
    const before = pages(tenant);
    expect(tenant.compartment.sweep()).toBe('more');
    // The pages that a step has written are stored beside those that it has read, until these are freed.
    expect(Math.abs(pages(tenant) - before)).toBeLessThan(160);
    tenant.call('blackboard_write', { run_id: 'big', key: `between/${n}`, value: `walrus number${n}` });
    const query = `number${n}`;
    expect(tenant.call('blackboard_list', { run_id: 'big', query }).entries).toHaveLength(1);
    tenant.clock.now += MINUTE_MS;
  }
  expect(tenant.call('blackboard_list', { run_id: 'big', query: 'walrus' }).total).toBe(4);
});

test('an index that is written to is left to its writes', () => {
  const tenant = open(FEW);
  tenant.call('blackboard_write', { key: 'k', value: 'new' });
  tenant.call('cache_set', { model: 'm', prompt: 'new', response: 'new' });
  tenant.call('scar_record', { error_type: 'New', error_message: 'new failure' });
  tenant.call('blackboard_list', { query: 'everything is indexed now' });
  const before = segments(tenant);
  expect(tenant.compartment.sweep()).toBe('done');
  expect(segments(tenant)).toEqual(before);
  tenant.clock.now += MINUTE_MS;
  expect(tenant.compartment.sweep()).toBe('more');
});

test('a list of segments that is not as expected is not merged', () => {
  const structure = readStructure(open(FEW).db, 'board_words');
  expect(parseLevels(structure)).not.toEqual([]);
  for (const other of [structure.slice(0, -2), `${structure}01`, structure.slice(0, 20), 'FF', ''])
    expect(parseLevels(other)).toEqual([]);
});
