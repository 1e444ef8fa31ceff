import * as z from 'zod';
import { count } from '../../../tools/fields.ts';
import { SCANNED_PER_PAGE } from './calls.ts';
import type { Entry } from './entry.ts';
import { keptIds } from './moments.ts';
import { defineReader } from './reader.ts';

/**
 * Whether agents that were told to stop did. The server sees no action itself, only what is told to it: an agent that was told to stop, and
 * that later in its run reports a failure of the same tool, has gone on with it.
 */

/** Checks and reports that are looked at. */
const MAX_ROWS = 5000;

/** A check that was answered `stop`, or a report of a failure. */
export interface ScarCall {
  readonly id: number;
  readonly isStop: boolean;
  readonly run: number;
  readonly token: string;
  /** What the caller named: the tool that it was about to use, or that has failed. */
  readonly about: string | null;
  readonly agent: string | null;
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : null);

/** A record as one of these; undefined when it is another call. */
export function scarCallOf({
  id,
  tool,
  outcome,
  status,
  run,
  token_id: token,
  args,
}: Entry): ScarCall | undefined {
  const isStop = tool === 'scar_check' && status === 'stop';
  if (!isStop && (tool !== 'scar_record' || outcome !== 'answer')) return undefined;
  return { id, isStop, run, token, about: textOf(args?.tool), agent: textOf(args?.agent) };
}

/** Whether a report is of what an agent was told to stop. Agents that share a token are told apart if both name themselves. */
export const isSameAction = (stop: ScarCall, report: ScarCall) =>
  report.id > stop.id &&
  report.run === stop.run &&
  report.token === stop.token &&
  (stop.about === null || report.about === null || stop.about === report.about) &&
  (stop.agent === null || report.agent === null || stop.agent === report.agent);

/** The stops, each with the report by which it is known that its caller went on. */
export function stopsOf(calls: readonly ScarCall[]): { stop: ScarCall; report: ScarCall | undefined }[] {
  const reports = Map.groupBy(
    calls.filter(({ isStop }) => !isStop),
    ({ run, token }) => `${run} ${token}`,
  );
  return calls
    .filter(({ isStop }) => isStop)
    .map((stop) => {
      const own = reports.get(`${stop.run} ${stop.token}`) ?? [];
      return { stop, report: own.find((report) => isSameAction(stop, report)) };
    });
}

type Row = Omit<ScarCall, 'isStop'> & { is_stop: number };

const SCAR_CALLS = `
  SELECT id, tool = 'scar_check' AS is_stop, run, token_id AS token,
    iif(json_valid(args), json_extract(args, '$.tool'), NULL) AS about,
    iif(json_valid(args), json_extract(args, '$.agent'), NULL) AS agent
  FROM records WHERE id >= ? AND id <= ? AND run > 0
    AND ((tool = 'scar_check' AND status = 'stop') OR (tool = 'scar_record' AND outcome = 'answer'))
  ORDER BY id DESC LIMIT ?`;

export const recordsStops = defineReader({
  name: 'records_stops',
  title: 'Show whether stop was obeyed',
  description:
    'Counts how often scar_check told an agent to stop, and how often it went on and failed again.',
  input: z.strictObject({}),
  output: z.strictObject({
    told: count().describe('Checks that were answered stop, among the newest records.'),
    failed_again: count().describe(
      'Those whose caller reported a failure of the same tool later in its run.',
    ),
    last: z
      .strictObject({ run: z.int(), id: z.int() })
      .optional()
      .describe('The newest report of one that went on.'),
  }),
  log: {},
  read(_args, { sql }) {
    const { first, last } = keptIds(sql);
    const rows = sql.exec<Row>(SCAR_CALLS, Math.max(first, last - SCANNED_PER_PAGE + 1), last, MAX_ROWS);
    const stops = stopsOf(
      rows.toReversed().map(({ is_stop, ...row }) => ({ ...row, isStop: is_stop === 1 })),
    );
    const again = stops.flatMap(({ report }) => report ?? []);
    const newest = again.toSorted((a, b) => b.id - a.id)[0];
    return {
      told: stops.length,
      failed_again: again.length,
      last: newest && { run: newest.run, id: newest.id },
    };
  },
});
