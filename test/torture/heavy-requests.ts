import { callBody } from '../bench/requests.ts';
import type { Agent } from './rig.ts';

/** The dearest requests of at most 64 KB that could be constructed, and the data that makes them dear. */

export const MAX_REQUEST_BYTES = 64 * 1024;
const CELLS = 10_000;
const CELLS_PER_CALL = 20;
const BATCH = 20;
const KIB = 1024;
/** A JSON body may have 100,000 values. With these, a value of as many is nearly as large as a cell may be. */
const LIST_ITEMS = 80_000;
const MEMBERS = 35_000;
/** Short names: no text of this size takes longer to parse. */
const TERSE_MEMBERS = 90_000;
const memberName = (n: number) => `member-number-${n}`;
const COMMON = 'the plan of the build is done and waits for a review of the tests';

export interface HeavyRequest {
  readonly item: string;
  readonly body: string;
  /** Whether it is a JSON-RPC batch, which only the 2025-03-26 revision has. */
  readonly isBatch: boolean;
  /** False for a request that does its work once. */
  readonly repeats: boolean;
}

const sequence = (count: number) => [...Array(count).keys()];
const named = (name: string, count: number) => sequence(count).map((n) => `${name}-${n}`);

/** Stores what the requests work on. */
export async function fillTenant(agent: Agent): Promise<void> {
  const write = (key: string, value: unknown) => agent.ok('blackboard_write', { key, value });
  for (const key of named('half', 10)) await write(key, { text: 'x'.repeat(512 * KIB) });
  for (const key of named('full', 8)) await write(key, 'x'.repeat(1000 * KIB));
  for (const key of named('list', 4))
    await write(
      key,
      sequence(LIST_ITEMS).map((n) => 10 ** 10 + n),
    );
  for (const key of named('wide', 8))
    await write(key, Object.fromEntries(sequence(MEMBERS).map((n) => [memberName(n), n])));
  for (const key of named('terse', 5))
    await write(key, Object.fromEntries(sequence(TERSE_MEMBERS).map((n) => [`m${n.toString(36)}`, n % 10])));
  for (const key of named('text', 5))
    await write(
      key,
      JSON.stringify(Object.fromEntries(sequence(60_000).map((n) => [`m${n.toString(36)}`, n % 10]))),
    );
  for (const key of named('chinese', 8)) await write(key, '数'.repeat(333 * KIB));
  for (const turn of sequence(20)) await write('versions', { turn, text: 'x'.repeat(500 * KIB) });
  for (let from = 0; from < CELLS; from += CELLS_PER_CALL) {
    const entries = sequence(CELLS_PER_CALL).map((n) => ({
      key: `many/${from + n}`,
      value: `${COMMON}, number ${from + n}`,
      tags: ['common', `tag-${n}`],
    }));
    await agent.ok('blackboard_write', { entries });
  }
  const messages = (n: number) => [{ role: 'user', content: `${COMMON} ${n}` }];
  const stored = { model: 'm', finish_reason: 'stop', tags: ['common'] };
  for (const n of sequence(4))
    await agent.ok('cache_set', { ...stored, messages: messages(-n), response: 'x'.repeat(2900 * KIB) });
  for (const n of sequence(1000))
    await agent.ok('cache_set', { ...stored, messages: messages(n + 1), response: 'short' });
  for (const n of sequence(500))
    await agent.ok('scar_record', {
      error_type: `Error${n}`,
      error_message: `${COMMON} ${n}`,
      resolution: COMMON,
      tags: ['common'],
    });
}

/** The requests, those that destroy what others need last. @param rev a revision of when all was stored */
export function heavyRequests(rev: number): HeavyRequest[] {
  const merge = (count: number) => ({
    entries: named('half', count).map((key) => ({ key, value: { seen: Math.random() }, mode: 'merge' })),
  });
  const keys = (name: string, count: number) => ({ keys: named(name, count), max_bytes: KIB * KIB });
  const many = { run_id: 'default', prefix: 'many/' };
  const words = { run_id: 'default', query: COMMON.split(' ').slice(0, 12).join(' ') };
  const depth = 50;
  const deep = JSON.parse(
    `[${Array(450)
      .fill('['.repeat(depth) + ']'.repeat(depth))
      .join(',')}]`,
  );
  const question = { model: 'm', messages: [{ role: 'user', content: `${COMMON} 0` }] };
  const long = `${COMMON} `.repeat(900).slice(0, 55 * KIB);
  return [
    ...both('blackboard_write', 'merge into 3 cells of 0.5 MiB', merge(3)),
    ...both('blackboard_write', 'merge into 10 cells of 0.5 MiB', merge(10)),
    ...both('blackboard_write', 'append to a list of 1 MB', { key: 'list-0', mode: 'append', value: 1 }),
    ...both('blackboard_write', 'append to 4 lists of 1 MB', {
      entries: named('list', 4).map((key) => ({ key, value: 1, mode: 'append' })),
    }),
    ...both('blackboard_write', 'merge into an object of 35,000 members', {
      key: 'wide-0',
      mode: 'merge',
      value: { a: Math.random() },
    }),
    ...both('blackboard_write', 'merge into 5 objects of 90,000 members', {
      entries: named('terse', 5).map((key) => ({ key, value: { a: Math.random() }, mode: 'merge' })),
    }),
    ...both('blackboard_write', 'merge what is there already into 5 objects of 90,000 members', {
      entries: named('terse', 5).map((key) => ({ key, value: { m1: 1 }, mode: 'merge' })),
    }),
    ...both('blackboard_write', 'merge into 5 texts of large objects', {
      entries: named('text', 5).map((key) => ({ key, value: { a: 1 }, mode: 'merge' })),
    }),
    ...both('blackboard_write', 'append to the text of a large object', {
      key: 'text-0',
      value: 1,
      mode: 'append',
    }),
    ...both('blackboard_write', 'increment 5 objects of 90,000 members', {
      entries: named('terse', 5).map((key) => ({ key, value: 1, mode: 'increment' })),
    }),
    ...both('blackboard_write', 'conflicts with 8 cells of 1 MB', {
      entries: named('full', 8).map((key) => ({ key, value: 1, if_rev: 0 })),
    }),
    one('blackboard_write', '45 KB nested 50 deep', { key: 'deep', value: deep }),
    one('blackboard_write', '15,000 numbers in 20 cells', {
      entries: named('number', 20).map((key) => ({ key, value: Array(750).fill(1.5) })),
    }),
    one('blackboard_write', '20 cells with 16 tags each', {
      entries: named('tagged', 20).map((key) => ({
        key,
        value: 1,
        tags: named(`${key}-${'t'.repeat(40)}`, 16),
      })),
    }),
    ...both('blackboard_read', '4 cells of 1 MB', keys('full', 4)),
    ...both('blackboard_read', '8 cells of 1 MB', keys('full', 8)),
    ...both('blackboard_read', 'one member each of 8 objects of 35,000', {
      ...keys('wide', 8),
      path: `/${memberName(MEMBERS - 1)}`,
    }),
    ...both('blackboard_read', 'one member each of 5 objects of 90,000', {
      ...keys('terse', 5),
      path: '/m1',
    }),
    ...both('blackboard_read', '4 objects of 90,000 members', keys('terse', 4)),
    ...both('blackboard_read', '8 objects of 35,000 members', keys('wide', 8)),
    ...both('blackboard_read', '8 cells of 1 MB of Chinese text', keys('chinese', 8)),
    ...both('blackboard_read', 'a part of 5 texts of large objects', { ...keys('text', 5), path: '/none' }),
    one(
      'blackboard_read',
      '5,000 unknown arguments',
      Object.fromEntries(sequence(5000).map((n) => [`k${n}`, 1])),
    ),
    ...both('blackboard_read', '20 keys that are unknown', { keys: named(`many/${'9'.repeat(200)}`, 20) }),
    ...both('blackboard_read', 'the versions of a cell', { key: 'versions', history: true }),
    ...both('blackboard_read', '8 old values', { ...keys('wide', 8), at_rev: rev }),
    ...both('blackboard_list', 'a prefix with 10,000 cells', { ...many, limit: 200 }),
    ...both('blackboard_list', 'common words', { ...words, limit: 200 }),
    ...both('blackboard_list', 'common words, a prefix and a tag', { ...words, ...many, tags: ['common'] }),
    ...both('blackboard_list', 'a tag of 10,000 cells', { run_id: 'default', tags: ['common'], limit: 200 }),
    ...both('blackboard_list', 'free cells of a prefix', { ...many, claimed: 'free', limit: 200 }),
    ...both('blackboard_list', 'boards', {}),
    one('blackboard_list', 'a run_id of 60 KB', { run_id: 'eyJ-'.repeat(15_000) }),
    ...both('blackboard_watch', 'all changes', { since_rev: 0, limit: 200 }),
    ...both('blackboard_claim', 'a prefix with 10,000 cells', { by: 'a', prefix: 'many/' }),
    ...both('blackboard_claim', 'a tag of 10,000 cells', { by: 'a', tags: ['common'] }),
    one('blackboard_claim', 'a name of 25,000 combining marks', {
      by: '\u0301\u0323'.repeat(12_500),
      key: 'a',
    }),
    ...both('blackboard_delete', 'a prefix with 10,000 cells, dry run', { prefix: 'many/', dry_run: true }),
    ...both('cache_get', 'an answer of 3 MiB', question),
    ...both('cache_get', 'similar questions', {
      model: 'm',
      messages: [{ role: 'user', content: `${COMMON} x` }],
      similar: true,
    }),
    one('cache_get', 'a question of 55 KB', {
      model: 'm',
      messages: [{ role: 'user', content: long }],
      similar: true,
    }),
    one('cache_set', 'a question of 55 KB', {
      model: 'm',
      messages: [{ role: 'user', content: long }],
      response: 'r',
      finish_reason: 'stop',
    }),
    ...both('cache_stats', 'all', { days: 30 }),
    ...both('cache_invalidate', 'a tag of 1,000 entries, dry run', { tag: 'common', dry_run: true }),
    ...both('scar_lookup', 'common words', {
      error_type: 'E',
      error_message: COMMON,
      context: COMMON,
      limit: 10,
    }),
    ...both('scar_check', 'common words', { action: COMMON }),
    ...both('scar_list', 'common words', { query: COMMON, limit: 100 }),
    ...both('scar_list', 'all', { limit: 100 }),
    one('scar_record', 'a message of 55 KB', { error_type: 'Long', error_message: long }),
    ...both('scar_lookup', 'escaped quotes', {
      error_type: 'Escaped',
      error_message: '\\"'.repeat(4000),
      context: '\\"'.repeat(2000),
    }),
    one('scar_lookup', 'a message of 55 KB', { error_type: 'Long', error_message: long }),
    methods('tools/list', {}),
    methods('resources/list', {}),
    methods('resources/read', { uri: 'blackboard://default/full-0' }),
    ...both('blackboard_delete', 'a prefix with 10,000 cells', { prefix: 'many/' }, false),
    one('cache_invalidate', 'a tag of 1,000 entries', { tag: 'common' }, false),
    one('cache_invalidate', 'all', { all: true }, false),
  ];
}

const ERA = '2025-11-25';

function one(tool: string, what: string, args: object, repeats = true): HeavyRequest {
  return { item: `${tool}: ${what}`, body: callBody(ERA, tool, args), isBatch: false, repeats };
}

/** The call alone, and as often in a batch as is allowed and fits. */
function both(tool: string, what: string, args: object, repeats = true): HeavyRequest[] {
  const alone = one(tool, what, args, repeats);
  const count = Math.min(BATCH, Math.floor(MAX_REQUEST_BYTES / (alone.body.length + 2)));
  const calls = sequence(count).map((id) => callBody(ERA, tool, args, id));
  const item = `batch of ${count} ${tool}: ${what}`;
  return [alone, { item, body: `[${calls.join(',')}]`, isBatch: true, repeats }];
}

function methods(method: string, params: object): HeavyRequest {
  const calls = sequence(BATCH).map((id) => JSON.stringify({ jsonrpc: '2.0', id, method, params }));
  return { item: `batch of ${BATCH} ${method}`, body: `[${calls.join(',')}]`, isBatch: true, repeats: true };
}
