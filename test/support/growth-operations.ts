/** The calls that `bench:growth` measures. */
import { type Call, WORDS } from './growth-fill.ts';

export interface Operation {
  readonly name: string;
  request(n: number): readonly [tool: string, args: object];
  /** How many calls are measured at most, where each uses up some of what a small tenant stores. */
  readonly calls?: number;
  /** Undoes what the call did, unmeasured. */
  readonly after?: (call: Call, answer: Record<string, unknown>) => void;
}

const big = { run_id: 'big' };
const list = (name: string, args: object): Operation => ({
  name: `list ${name}`,
  request: () => ['blackboard_list', args],
});
const release = (call: Call, { claim_id }: Record<string, unknown>) => {
  if (claim_id !== undefined)
    call('blackboard_release', { claim_id, tags: ['todo', String(claim_id).slice(0, 8)] });
};
const claimNext = (name: string, args: object): Operation => ({
  name: `claim ${name}`,
  request: () => ['blackboard_claim', { by: 'bench', ttl_s: 60, ...args }],
  after: release,
});
const SEARCHED = { word: 'common', 'a third': 'third', 'one cell': 'needle', none: 'absentword' };

const board: Operation[] = [
  { name: 'read', request: () => ['blackboard_read', { ...big, key: 'queue/item-0000011' }] },
  { name: 'read, absent key', request: (n) => ['blackboard_read', { ...big, key: `queue/itme-${n}` }] },
  {
    name: 'read with history',
    request: () => ['blackboard_read', { ...big, key: 'queue/item-0000011', history: true }],
  },
  { name: 'write, same key', request: (n) => ['blackboard_write', { ...big, key: 'hot', value: { n } }] },
  {
    name: 'write, new key',
    request: (n) => ['blackboard_write', { ...big, key: `new/${Date.now()}-${n}`, value: { n } }],
  },
  list('first page', big),
  list('last page of a folder', { ...big, prefix: 'late/' }),
  list('prefix', { ...big, prefix: 'queue/item-000' }),
  list('tag', { ...big, tags: ['todo'] }),
  list('two tags', { ...big, tags: ['report', 'todo'] }),
  list('claimed free', { ...big, claimed: 'free' }),
  list('claimed held', { ...big, claimed: 'held' }),
  list('claimed held, all are', { run_id: 'held', claimed: 'held' }),
  list('claimed free, none is', { run_id: 'held', claimed: 'free' }),
  list('claimed dead', { ...big, claimed: 'dead' }),
  list('claimed done', { ...big, claimed: 'done' }),
  list('claimed delayed', { ...big, claimed: 'delayed' }),
  list('boards', {}),
  ...Object.entries(SEARCHED).map(([name, query]) => list(`search ${name}`, { ...big, query })),
  list('search word, prefix', { ...big, query: 'common', prefix: 'late/' }),
  list('search word, tags', { ...big, query: 'common', tags: ['todo', 'report'] }),
  list('search word, prefix of few', { ...big, query: 'common', prefix: 'queue/item-000011' }),
  list('search word, absent tag', { ...big, query: 'common', tags: ['todo', 'schema'] }),
  list('search word, prefix without the tag', { ...big, query: 'common', prefix: 'late/', tags: ['todo'] }),
  list('search word, free', { ...big, query: 'common', claimed: 'free' }),
  list('search part of a word', { ...big, query: 'step_12' }),
  list('search five words', { ...big, query: 'report parse deploy needle absentword' }),
  list('search word, small board', { run_id: 'small-0000003', query: 'common' }),
  list('search rare word, small board', { run_id: 'small-0000003', query: 'needle' }),
  list('search none, small board', { run_id: 'small-0000003', query: 'own0000500' }),
  claimNext('next of a folder', { ...big, prefix: 'queue/' }),
  claimNext('next of a prefix', { ...big, prefix: 'queue/item-00' }),
  claimNext('next of a tag', { ...big, tags: ['todo'] }),
  claimNext('next of any', { ...big, tags: [] }),
  claimNext('none, all are done', { ...big, prefix: 'agent-7/' }),
  {
    name: 'claim ten of a folder',
    request: () => ['blackboard_claim', { by: 'bench', ...big, prefix: 'queue/', count: 10 }],
    after: (call, { items }) => {
      for (const item of Array.isArray(items) ? items : [])
        call('blackboard_release', { claim_id: item.claim_id, requeue: true });
    },
  },
  claimNext('none, all are held', { run_id: 'held', prefix: 'queue/' }),
  claimNext('none by tag, all are held', { run_id: 'held', tags: ['todo'] }),
  claimNext('by key', { ...big, key: 'queue/item-0000023' }),
  {
    name: 'delete prefix, dry run',
    request: () => ['blackboard_delete', { ...big, prefix: 'queue/', dry_run: true }],
  },
  { name: 'watch, nothing new', request: () => ['blackboard_watch', { ...big, since_rev: 900_000_000 }] },
  { name: 'watch from 0', request: () => ['blackboard_watch', { ...big, since_rev: 0 }] },
  { name: 'resources/list', request: () => ['resources_list', {}] },
  { name: 'complete a board', request: () => ['completion_boards', { prefix: 'small-' }] },
  { name: 'complete a key', request: () => ['completion_keys', { ...big, prefix: 'queue/item-' }] },
  { name: 'complete a folder', request: () => ['completion_keys', { ...big, prefix: '', folders: true }] },
];

/** Each invalidation, and each write after one, deletes two entries, of which the smallest tenant has 1,000. */
const FEW_CALLS = 50;

const cache: Operation[] = [
  {
    name: 'cache get, hit',
    request: () => [
      'cache_get',
      { model: 'model-1', namespace: 'ns-1', prompt: 'What does parse 0000001 do with the deploy?' },
    ],
  },
  { name: 'cache get, miss', request: (n) => ['cache_get', { model: 'm', prompt: `no such ${n}` }] },
  {
    name: 'cache get, similar',
    request: (n) => [
      'cache_get',
      { model: 'm', namespace: 'ns-1', prompt: `What does parse ${n} do with the deploy`, similar: true },
    ],
  },
  {
    name: 'cache set',
    request: (n) => [
      'cache_set',
      { model: 'm', prompt: `new ${Date.now()} ${n}`, response: 'r', tags: ['fresh'] },
    ],
  },
  { name: 'cache stats', request: () => ['cache_stats', {}] },
  { name: 'cache stats of a namespace', request: () => ['cache_stats', { namespace: 'ns-1' }] },
  {
    name: 'cache invalidate all, dry run',
    request: () => ['cache_invalidate', { all: true, dry_run: true }],
  },
  {
    name: 'cache invalidate tag, dry run',
    request: () => ['cache_invalidate', { tag: 'all', dry_run: true }],
  },
  {
    name: 'cache invalidate small tag',
    calls: FEW_CALLS,
    request: (n) => ['cache_invalidate', { tag: `tag-${n}` }],
  },
  {
    name: 'cache invalidate model',
    calls: FEW_CALLS,
    request: () => ['cache_invalidate', { model: 'model-1' }],
  },
  { name: 'cache stats, reclaiming', request: () => ['cache_stats', {}] },
  {
    name: 'cache invalidate large tag',
    calls: FEW_CALLS,
    request: () => ['cache_invalidate', { tag: 'all' }],
  },
  { name: 'cache stats, reclaiming more', request: () => ['cache_stats', {}] },
  {
    name: 'cache set, reclaiming',
    calls: FEW_CALLS,
    request: (n) => ['cache_set', { model: 'm', prompt: `newer ${Date.now()} ${n}`, response: 'r' }],
  },
  { name: 'cache invalidate all', calls: FEW_CALLS, request: () => ['cache_invalidate', { all: true }] },
  { name: 'cache stats, reclaiming all', request: () => ['cache_stats', {}] },
];

const failure = {
  error_type: 'Error7',
  error_message: 'merge of parse ownaaaaaah failed while ticket ran',
  tool: 'tool-7',
  target: 'host-7',
  context: 'during index of the review',
};
const scar: Operation[] = [
  { name: 'scar record, known', request: () => ['scar_record', { ...failure, run_id: 'run-1' }] },
  { name: 'scar lookup, exact', request: () => ['scar_lookup', failure] },
  {
    name: 'scar lookup, similar',
    request: (n) => [
      'scar_lookup',
      { error_type: 'Error7', error_message: `index of merge zebra${n} failed while report ran` },
    ],
  },
  {
    name: 'scar lookup, none',
    request: (n) => [
      'scar_lookup',
      { error_type: 'Other', error_message: `nothing like zebra${n} was seen` },
    ],
  },
  {
    name: 'scar record, new',
    request: (n) => [
      'scar_record',
      {
        error_type: 'Error7',
        error_message: `merge of index lion${n} failed while fetch ran`,
        tool: 'tool-7',
      },
    ],
  },
  {
    name: 'scar check',
    request: () => ['scar_check', { action: 'merge the parse while ticket ran', tool: 'tool-7' }],
  },
  {
    name: 'scar check, other tool',
    request: (n) => ['scar_check', { action: `${WORDS.join(' ')} while lion${n} failed`, tool: 'other' }],
  },
  { name: 'scar list', request: () => ['scar_list', {}] },
  { name: 'scar list, frequent', request: () => ['scar_list', { sort: 'frequent' }] },
  { name: 'scar list, severe', request: () => ['scar_list', { sort: 'severe' }] },
  { name: 'scar list of a tool', request: () => ['scar_list', { tool: 'tool-7' }] },
  { name: 'complete a tool', request: () => ['completion_scars', { of: 'tool', prefix: 'tool-' }] },
  { name: 'scar list, search', request: () => ['scar_list', { query: 'deploy failed' }] },
];

export const OPERATIONS: readonly Operation[] = [
  ...board,
  ...cache,
  ...scar,
  { name: 'tenant limits', request: () => ['tenant_limits', {}] },
];
