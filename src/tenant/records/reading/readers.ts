import { recordsList } from './calls.ts';
import { recordsExplain } from './explain.ts';
import type { Reader } from './reader.ts';
import { runsList, runsShow, runsTrace } from './run-list.ts';
import { recordsStops } from './stops.ts';
import { recordsSummary } from './summary.ts';
import { recordsTokens } from './token-list.ts';
import { recordsUsage } from './usage.ts';

/** Everything that can be asked of the records, by what the operator's API and the tenant's own call it. */
export const READERS = {
  calls: recordsList,
  runs: runsList,
  run: runsShow,
  trace: runsTrace,
  explain: recordsExplain,
  summary: recordsSummary,
  stops: recordsStops,
  usage: recordsUsage,
  tokens: recordsTokens,
} as const satisfies Readonly<Record<string, Reader>>;
export type Question = keyof typeof READERS;
/** What a stream of calls reads: the next ones, and the numbers beside them. */
export type FollowQuestion = 'follow' | 'summary';
