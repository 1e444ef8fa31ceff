import type { AnyTool } from '../../tools/remote-tool.ts';
import type { SessionRow } from '../../transport-tools/session-store.ts';
import type { HeldRow } from '../approvals/held-row.ts';
import type { CallRequest } from '../contract/call.ts';
import type { Retry } from './ending.ts';

/** A person's yes under which a call runs. */
export interface Approval {
  /** The held call for which it was given. */
  readonly id: string;
  readonly by: string;
  /** The held call that is redeemed; undefined for a call of its own, under a yes that stands. */
  readonly held: HeldRow | undefined;
}

/** One run of a call through the pipeline. */
export interface Attempt {
  readonly request: CallRequest;
  readonly session: SessionRow | 'unknown' | undefined;
  readonly tool: AnyTool | undefined;
  readonly now: number;
  readonly argsSize: number;
  readonly retry: Retry | undefined;
  readonly approval?: Approval | undefined;
}
