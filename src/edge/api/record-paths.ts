import type { Question } from '../../tenant/records/reading/readers.ts';

/** Where the records are read under `/v1`: each path with its question and the argument that it names. */
export const RECORD_PATHS: readonly { path: string; question: Question; named?: string }[] = [
  { path: '/records', question: 'calls' },
  { path: '/runs', question: 'runs' },
  { path: '/runs/:run', question: 'run', named: 'run' },
  { path: '/traces/:trace_id', question: 'trace', named: 'trace_id' },
  { path: '/usage', question: 'usage' },
  { path: '/explain/:id', question: 'explain', named: 'id' },
];
