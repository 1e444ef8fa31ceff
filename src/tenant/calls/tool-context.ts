import { ANSWER_BYTES, PROGRAM_ANSWER_BYTES } from '../../tools/answer-budget.ts';
import type { Allowance, Sql, ToolContext } from '../../tools/tool.ts';
import type { TransportName } from '../contract/call.ts';
import { sealing } from '../storage/seal.ts';
import type { Token } from '../storage/tokens.ts';
import type { PipelineParts } from './pipeline-parts.ts';

/** What a run of a tool changes beside the database; taken over when its transaction is committed. */
export interface RunState {
  rev: number;
  readonly touched: Set<string>;
  /** Whether the next expiry is what it was. */
  keepsExpiries?: boolean;
}

export interface Run
  extends Pick<ToolContext, 'mayWait' | 'waited' | 'now' | 'requireWritable' | 'requireReadable'> {
  readonly state: RunState;
  readonly sql: Sql;
  readonly token: Token;
  readonly transport: TransportName;
}

/** All that a tool can see and do in one run. */
export function toolContext(
  parts: Omit<PipelineParts, 'rev'>,
  { state, token, transport, ...run }: Run,
): ToolContext {
  const { profile } = parts;
  return {
    ...run,
    // Programs take large answers by plain HTTP; by MCP a model has to read them.
    answerBytes: transport === 'v1' ? PROGRAM_ANSWER_BYTES : ANSWER_BYTES,
    author: { principal: token.id },
    nextRev: () => ++state.rev,
    headRev: () => state.rev,
    allowance: () => allowanceOf(parts, token, run.now),
    touch: (topic) => void state.touched.add(topic),
    keepsExpiries: () => {
      state.keepsExpiries = true;
    },
    ...sealing(profile),
  };
}

function allowanceOf(
  { limiter, catalogue, quota, callQuota, monotonic }: Omit<PipelineParts, 'rev'>,
  token: Token,
  now: number,
): Allowance {
  return {
    limits: limiter.status(catalogue.tools, monotonic()),
    calls: callQuota.status(now).flatMap(({ period, used, quota: most, resetsAt }) => {
      if (most === undefined) return [];
      const resets_at = new Date(resetsAt).toISOString();
      return [{ period, remaining: Math.max(0, most - used), quota: most, resets_at }];
    }),
    storage: { bytes: quota.used(), quota_bytes: quota.bytes },
    token: { scopes: [...token.scopes], expires_at: new Date(token.expiresAt).toISOString() },
  };
}
