import type { Chart } from './document.ts';
import type { LaneResult } from './lane.ts';
import { formatSpread, pairedDifferences, pairedRatios, quantile, spreadOf } from './statistics.ts';
import { formatTable, type Row } from './table.ts';

/** The tables that the benchmark prints. */

export function printLanes(title: string, results: readonly LaneResult[]): void {
  printTable(
    title,
    results.map(({ lane, slices }) => {
      const durations = slices.flatMap((slice) => slice.durations);
      return {
        server: lane.server,
        load: lane.load,
        'CPU µs/call': formatSpread(spreadOf(slices.map(({ cpu }) => cpu)), 0),
        'calls/s': formatSpread(spreadOf(slices.map(({ rate }) => rate)), 0),
        'KiB written/call': Number((spreadOf(slices.map(({ written }) => written)).median / 1024).toFixed(1)),
        'p50 ms': Number(quantile(durations, 0.5).toFixed(2)),
        'p99 ms': Number(quantile(durations, 0.99).toFixed(2)),
        calls: durations.length,
      };
    }),
  );
}

export function printTable(title: string, rows: readonly Row[]): void {
  console.log(`\n${title}\n\n${formatTable(rows)}`);
}

/** A figure beside what it should be. Times are never asserted: the reader compares. */
export interface AimRow extends Row {
  readonly figure: string;
  readonly value: string;
  readonly aim: string;
}

export function printAims(rows: readonly AimRow[]): void {
  if (rows.length > 0) console.log(`\n${formatTable(rows)}`);
}

/** What a section found; it is printed at the end, unless the machine was busy. */
export interface Report {
  readonly print: () => void;
  readonly aims: readonly AimRow[];
  readonly charts: readonly Chart[];
}

/** Looks up a lane's result; a lane that was not measured gives no row. */
export function find(results: readonly LaneResult[], server: string, load: string): LaneResult | undefined {
  return results.find(({ lane }) => lane.server === server && lane.load === load);
}

/** The ratio of two lanes of the same load, round by round. */
export function ratioRow(
  results: readonly LaneResult[],
  of: 'cpu' | 'rate',
  [server, other]: readonly [string, string],
  load: string,
  aim: string,
): AimRow[] {
  const [one, two] = [find(results, server, load), find(results, other, load)];
  if (one === undefined || two === undefined) return [];
  const values = (result: LaneResult) => result.slices.map((slice) => slice[of]);
  const what = of === 'cpu' ? 'CPU of a call' : 'calls a second';
  const value = formatSpread(spreadOf(pairedRatios(values(one), values(two))));
  return [{ figure: `${what}, ${server} / ${other}; ${load}`, value, aim }];
}

/** How much more CPU one of two lanes of the same load takes, round by round. */
export function differenceRow(
  results: readonly LaneResult[],
  what: string,
  [server, other]: readonly [string, string],
  load: string,
  aim: string,
): AimRow[] {
  const [one, two] = [find(results, server, load), find(results, other, load)];
  if (one === undefined || two === undefined) return [];
  const cpu = ({ slices }: LaneResult) => slices.map((slice) => slice.cpu);
  const value = formatSpread(spreadOf(pairedDifferences(cpu(one), cpu(two))), 0);
  return [{ figure: `CPU µs that ${what} add to a call; ${load}`, value, aim }];
}

export function figureRow(
  results: readonly LaneResult[],
  [server, load]: readonly [string, string],
  of: 'cpu' | 'written',
  aim: string,
): AimRow[] {
  const result = find(results, server, load);
  if (result === undefined) return [];
  const scale = of === 'written' ? 1024 : 1;
  const value = formatSpread(
    spreadOf(result.slices.map((slice) => slice[of] / scale)),
    of === 'written' ? 1 : 0,
  );
  return [{ figure: `${of === 'cpu' ? 'CPU µs' : 'KiB written'}, ${server}; ${load}`, value, aim }];
}
