import { recordsList } from './calls.ts';
import { recordsExplain } from './explain.ts';
import type { Reader } from './reader.ts';
import { runsList, runsShow, runsTrace } from './run-list.ts';
import { recordsSummary } from './summary.ts';

/** Everything that can be asked of the records, by what the operator's API and the tenant's own call it. */
export const READERS = {
  calls: recordsList,
  runs: runsList,
  run: runsShow,
  trace: runsTrace,
  explain: recordsExplain,
  summary: recordsSummary,
} as const satisfies Readonly<Record<string, Reader>>;
export type Question = keyof typeof READERS;
