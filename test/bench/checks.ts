import { readFileSync } from 'node:fs';
import { type Lane, type LaneResult, measureLanes } from './lane.ts';
import type { CheckedLane } from './lanes.ts';
import { AGAINST, OURS } from './servers.ts';

/** Measures lanes, and checks that their servers did the work that they answered for. */
export async function measureChecked(
  lanes: readonly CheckedLane[],
  options: { readonly rounds: number; readonly sliceMs: number },
): Promise<LaneResult[]> {
  const counters = new Set(lanes.flatMap(({ written }) => (written === undefined ? [] : [written])));
  const before = new Map<unknown, number>();
  for (const counter of counters) before.set(counter, await counter());
  const results = await measureLanes(lanes, options);
  for (const counter of counters) {
    const own = results.filter((_, index) => lanes[index]?.written === counter);
    const calls = own.reduce((sum, result) => sum + result.calls, 0);
    const written = (await counter()) - (before.get(counter) ?? 0);
    if (written !== calls)
      throw new Error(`${own[0]?.lane.server} answered ${calls} writes and made ${written}`);
  }
  requireLogLines(results);
  return results;
}

const isOurs = ({ server }: Lane) => server === OURS || server === AGAINST;

/** A server that did not log would be faster, and is not what is deployed. Repeats of a refusal share a line. */
function requireLogLines(results: readonly LaneResult[]): void {
  const ours = results.filter(({ lane }) => isOurs(lane) && !lane.load.includes('refused'));
  for (const [worker, [first, ...rest]] of Map.groupBy(ours, ({ lane }) => lane.worker)) {
    if (first === undefined) continue;
    const lines = readFileSync(worker.logFile, 'utf8').split('"event":"tool.call"').length - 1;
    const calls = rest.reduce((sum, result) => sum + result.calls, first.calls);
    if (lines < calls) throw new Error(`${first.lane.server} answered ${calls} calls and logged ${lines}`);
  }
}
