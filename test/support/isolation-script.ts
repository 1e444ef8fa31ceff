import type { Answer } from './tenant.ts';

/** One call of the isolation test. `mark` is the only thing in which two tenants differ. */
export interface IsolationStep {
  readonly tool: string;
  /** @param before the answers of the steps so far */
  args(mark: string, before: readonly Answer[]): Record<string, unknown>;
}

const board = { run_id: 'shared-run' };
const failure = {
  error_type: 'TimeoutError',
  error_message: 'upstream timed out after 30 s',
  tool: 'search',
};
const prompt = { model: 'model-x', messages: [{ role: 'user', content: 'the same prompt for everyone' }] };
const handle = (before: readonly Answer[], field: string): unknown =>
  before.map((answer) => answer[field]).find((value) => value !== undefined);

/** Every tool at least once, with the same ids, keys and prompts for every tenant. */
export const ISOLATION_SCRIPT: readonly IsolationStep[] = [
  { tool: 'blackboard_write', args: (mark) => ({ ...board, key: 'plan/step', value: { owner: mark } }) },
  {
    tool: 'blackboard_write',
    args: (mark) => ({ ...board, key: 'plan/step', value: { owner: mark, n: 2 }, if_rev: 1 }),
  },
  { tool: 'blackboard_write', args: () => ({ ...board, key: 'counter', mode: 'increment', value: 1 }) },
  { tool: 'blackboard_read', args: () => ({ ...board, key: 'plan/step', history: true }) },
  { tool: 'blackboard_read', args: () => ({ ...board, keys: ['counter', 'plan/stap'] }) },
  { tool: 'blackboard_list', args: () => ({ ...board }) },
  { tool: 'blackboard_list', args: () => ({ ...board, query: 'owner plan' }) },
  { tool: 'blackboard_list', args: () => ({}) },
  {
    tool: 'scar_record',
    args: (mark) => ({ ...failure, resolution: `raise the timeout, says ${mark}`, run_id: 'shared-run' }),
  },
  { tool: 'scar_record', args: () => ({ ...failure, run_id: 'shared-run' }) },
  { tool: 'scar_lookup', args: () => ({ ...failure }) },
  {
    tool: 'scar_lookup',
    args: () => ({ error_type: 'Other', error_message: 'upstream search timed out slowly', tool: 'search' }),
  },
  {
    tool: 'scar_resolve',
    args: (mark, before) => ({
      scar_id: handle(before, 'scar_id'),
      outcome: 'worked',
      resolution: `retry, says ${mark}`,
    }),
  },
  { tool: 'cache_get', args: () => ({ ...prompt, similar: true }) },
  {
    tool: 'cache_set',
    args: (mark) => ({
      ...prompt,
      response: `answer for ${mark}`,
      usage: { input_tokens: 10, output_tokens: 5 },
      tags: ['t'],
    }),
  },
  { tool: 'cache_get', args: () => ({ ...prompt }) },
  { tool: 'cache_stats', args: () => ({}) },
  { tool: 'cache_invalidate', args: () => ({ tag: 't' }) },
  { tool: 'cache_get', args: () => ({ ...prompt }) },
  { tool: 'cache_stats', args: () => ({}) },
  { tool: 'blackboard_delete', args: () => ({ ...board, keys: ['counter'] }) },
  { tool: 'blackboard_list', args: () => ({ ...board }) },
  { tool: 'tenant_limits', args: () => ({}) },
];
