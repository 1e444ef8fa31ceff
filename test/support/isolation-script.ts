import type { OpenSql } from '../../src/postgres/session.ts';
import type { DatabaseAnswering, TestService } from './services.ts';
import type { Answer } from './tenant.ts';

/** One call of the isolation test. `mark` is the only text in which the calls of two tenants differ. */
export interface IsolationStep {
  readonly tool: string;
  /** For a remote tool: what is behind the tenant's connections, by name. */
  services?(mark: string): Readonly<Record<string, TestService>>;
  /** For a remote tool: what is behind its connections to databases, by name. */
  databases?(mark: string, answering: DatabaseAnswering): Readonly<Record<string, OpenSql>>;
  /** Sets before the call whether the tool needs a person's approval; if it does, the call is held. */
  readonly needsApproval?: boolean;
  /** @param before the answers of the previous steps, and the error of one whose call was held */
  args(mark: string, before: readonly Answer[]): Record<string, unknown>;
}

const board = { run_id: 'shared-run' };
const failure = {
  error_type: 'TimeoutError',
  error_message: 'upstream timed out after 30 s',
  tool: 'search',
};
const prompt = { model: 'model-x', messages: [{ role: 'user', content: 'the same prompt for everyone' }] };
/** The first value of a field in the answers so far: a handle that the tenant got. */
const handle = (before: readonly Answer[], field: string): unknown =>
  before.map((answer) => answer[field]).find((value) => value !== undefined);

/** Calls every tool at least once, with the same ids, keys and prompts for every tenant. */
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
  { tool: 'resources_list', args: () => ({}) },
  { tool: 'resources_read', args: () => ({ ...board, key: 'plan/step' }) },
  { tool: 'completion_boards', args: () => ({ prefix: 'sha' }) },
  { tool: 'completion_keys', args: () => ({ ...board, prefix: 'pl' }) },
  { tool: 'completion_keys', args: () => ({ ...board, prefix: '', folders: true }) },
  { tool: 'session_open', args: () => ({ session_id: 'same', kind: 'session' }) },
  { tool: 'session_log_level', args: () => ({ session_id: 'same', level: 'error' }) },
  { tool: 'session_listen', args: () => ({ session_id: 'same' }) },
  {
    tool: 'stream_open',
    args: () => ({
      session_id: 'other',
      list_changed: true,
      cells: [{ uri: 'u', ...board, key: 'plan/step' }],
    }),
  },
  { tool: 'resources_subscribe', args: () => ({ session_id: 'same', uri: 'u', ...board, key: 'plan/step' }) },
  { tool: 'resources_unsubscribe', args: () => ({ session_id: 'same', ...board, key: 'plan/step' }) },
  { tool: 'session_close', args: () => ({ session_id: 'same' }) },
  { tool: 'blackboard_claim', args: (mark) => ({ ...board, key: 'plan/step', by: mark }) },
  { tool: 'blackboard_claim', args: () => ({ ...board, prefix: 'coun', by: 'another' }) },
  {
    tool: 'blackboard_write',
    args: (mark, before) => ({
      ...board,
      key: 'plan/step',
      value: { owner: mark, n: 3 },
      claim_id: handle(before, 'claim_id'),
    }),
  },
  { tool: 'blackboard_write', args: (mark) => ({ ...board, key: 'plan/step', value: mark }) },
  { tool: 'blackboard_read', args: () => ({ ...board, key: 'plan/step' }) },
  {
    tool: 'blackboard_release',
    args: (mark, before) => ({
      ...board,
      claim_id: handle(before, 'claim_id'),
      value: { owner: mark, n: 4 },
    }),
  },
  { tool: 'blackboard_list', args: () => ({ ...board, claimed: 'held' }) },
  { tool: 'blackboard_watch', args: () => ({ ...board, since_rev: 1 }) },
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
  {
    tool: 'scar_record',
    args: (mark) => ({ error_type: 'Other', error_message: 'index is gone', cause: `asked by ${mark}` }),
  },
  { tool: 'scar_check', args: () => ({ action: 'search upstream', tool: 'search', run_id: 'shared-run' }) },
  {
    tool: 'scar_check',
    args: () => ({ action: 'upstream timed out', tool: 'search', run_id: 'shared-run' }),
  },
  {
    tool: 'scar_check',
    args: () => ({ action: 'upstream timed out', tool: 'search', run_id: 'shared-run' }),
  },
  { tool: 'completion_scars', args: () => ({ of: 'tool', prefix: 's' }) },
  { tool: 'scar_list', args: () => ({}) },
  { tool: 'scar_list', args: () => ({ query: 'upstream asked' }) },
  {
    tool: 'scar_update',
    args: (mark, before) => ({
      scar_id: handle(before, 'scar_id'),
      cause: `slow, says ${mark}`,
      tags: [mark],
    }),
  },
  { tool: 'scar_list', args: (mark) => ({ tags: [mark] }) },
  { tool: 'scar_delete', args: (_mark, before) => ({ scar_id: handle(before, 'scar_id') }) },
  { tool: 'completion_scars', args: () => ({ of: 'tool', prefix: 's' }) },
  { tool: 'scar_list', args: () => ({}) },
  { tool: 'cache_get', args: () => ({ ...prompt, similar: true, lease_s: 60, wait_s: 5 }) },
  { tool: 'cache_get', args: () => ({ ...prompt, lease_s: 60 }) },
  {
    tool: 'cache_set',
    args: (mark, before) => ({
      ...prompt,
      lease_id: handle(before, 'lease_id'),
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
  {
    tool: 'blackboard_write',
    needsApproval: true,
    args: (mark) => ({ ...board, key: 'held', value: { owner: mark } }),
  },
  {
    tool: 'tenant_approval',
    args: (_mark, before) => ({ approval_id: handle(before, 'approval_id') ?? 'ap_none' }),
  },
  {
    tool: 'blackboard_write',
    needsApproval: false,
    args: (mark) => ({ ...board, key: 'free', value: { owner: mark } }),
  },
  { tool: 'tenant_limits', args: () => ({}) },
  { tool: 'console_failures', args: () => ({}) },
  { tool: 'console_cache', args: () => ({}) },
  { tool: 'console_limits', args: () => ({}) },
  { tool: 'records_summary', args: () => ({}) },
  { tool: 'records_stops', args: () => ({}) },
  { tool: 'records_follow', args: () => ({ after: 0, limit: 5 }) },
  { tool: 'records_usage', args: () => ({ by: 'tool' }) },
  { tool: 'records_usage', args: () => ({ by: 'token' }) },
  { tool: 'records_usage', args: () => ({}) },
  { tool: 'records_tokens', args: () => ({}) },
  { tool: 'runs_list', args: () => ({}) },
  { tool: 'runs_show', args: (_mark, before) => ({ run: before.at(-1)?.runs[0].run }) },
  { tool: 'records_list', args: () => ({ tool: 'blackboard_write', outcome: 'ok' }) },
  { tool: 'runs_trace', args: (_mark, before) => ({ trace_id: before.at(-1)?.calls[0].trace_id }) },
  { tool: 'records_explain', args: (_mark, before) => ({ id: before.at(-1)?.calls[0].request_id }) },
];
