import { type Cause, describeCause } from '../../telemetry/redact.ts';
import { ToolError } from '../../tools/errors.ts';
import type { AnyTool } from '../../tools/remote-tool.ts';
import type { CallOutcome, CallRequest } from '../contract/call.ts';
import type { CallRecord } from '../records/record.ts';
import type { CallFacts } from './call-record.ts';
import { expected, internal } from './outcomes.ts';

/** How one run of a call ends inside the pipeline. */

/** A call that waits, and what for; durations in milliseconds. */
export interface Waiting {
  readonly kind: 'waiting';
  readonly topic: string;
  /** When to run it again at the latest. It may then wait further. */
  readonly retryInMs: number | undefined;
  /** How long it may wait in all. */
  readonly waitMs: number;
  /** What it was charged for. */
  readonly work: number;
}

/** A further run of a call that has waited. */
export interface Retry {
  /** Whether it may wait once more. */
  readonly mayWait: boolean;
  /** How long it has waited, in milliseconds. */
  readonly waitedMs: number;
  /** What it was charged for before. */
  readonly work: number;
}

/** How a call ended, and what only the log may contain. `record` is there if it was saved with the call's effect. */
export interface Ended {
  readonly kind: 'ended';
  readonly outcome: CallOutcome;
  readonly record?: CallRecord;
  readonly facts?: Partial<CallFacts>;
  readonly thrown?: Cause;
  /** The held call that was redeemed, which is recorded in place of the call that has redeemed it. */
  readonly ran?: { readonly request: CallRequest; readonly tool: AnyTool | undefined };
}

export const ending = (outcome: CallOutcome, facts: Partial<CallFacts> = {}): Ended => ({
  kind: 'ended',
  outcome,
  facts,
});

/** The end of a call that has thrown: an expected error, or `internal` with the cause for the log. */
export function failed(cause: unknown, request: CallRequest, tool: AnyTool, work: number): Ended {
  if (cause instanceof ToolError) return ending(expected(cause, request), { work });
  return { ...ending(internal(request), { work }), thrown: describeCause(cause, request.args, tool.log) };
}
