import type { Entry } from '../../tenant/records/reading/entry.ts';

/** A run as bars on one line of time: when each call began, how long it took, and how long it waited for another. */

/** Times without a call that are longer are drawn as short ones. */
export const LONGEST_GAP_MS = 2000;
/** What a folded gap takes of the drawing, as a part of the time in which there are calls. */
const FOLDED = 0.03;
/** Calls of one caller that are alike and follow each other are one row when there are so many. */
const ALIKE = 4;
const WIDTH = 1000;
const THINNEST = 4;

interface Span {
  readonly x: number;
  readonly width: number;
}

export interface Bar {
  /** The calls of the row, in the order in which they began. */
  readonly calls: readonly Entry[];
  readonly begin: number;
  readonly end: number;
  /** From 0 to 1000. */
  readonly bar: Span;
  readonly waited: Span | undefined;
}

export interface Waterfall {
  readonly bars: readonly Bar[];
  /** Milliseconds since the epoch. */
  readonly begin: number;
  readonly gaps: readonly Span[];
  /** Milliseconds of the gaps that are folded. */
  readonly foldedMs: number;
}

interface Step {
  readonly call: Entry;
  readonly begin: number;
  readonly end: number;
}

const stepOf = (call: Entry): Step => ({
  call,
  begin: Date.parse(call.at) - call.took_ms,
  end: Date.parse(call.at),
});

/** The calls of a run as rows. The start of a remote call is left out when its end is there. */
export function waterfallOf(calls: readonly Entry[]): Waterfall {
  const ended = new Set(
    calls.filter(({ outcome }) => outcome !== 'started').map(({ request_id }) => request_id),
  );
  const steps = calls
    .filter(({ outcome, request_id }) => outcome !== 'started' || !ended.has(request_id))
    .map(stepOf)
    .toSorted((a, b) => a.begin - b.begin || a.call.id - b.call.id);
  const begin = steps[0]?.begin ?? 0;
  const { place, total, gaps, foldedMs } = scaleOf(steps, begin);
  const at = (time: number) => Math.round((place(time) / Math.max(1, total)) * WIDTH);
  const spanOf = (from: number, to: number): Span => {
    const x = Math.min(at(from), WIDTH - THINNEST);
    return { x, width: Math.max(THINNEST, at(to) - x) };
  };
  return {
    begin,
    foldedMs,
    gaps: gaps.map(({ from, to }) => spanOf(from, to)),
    bars: rowsOf(steps).map((row) => {
      const first = row[0]?.begin ?? begin;
      const last = Math.max(...row.map(({ end }) => end));
      const waitMs = row.length === 1 ? (row[0]?.call.wait_ms ?? 0) : 0;
      return {
        calls: row.map(({ call }) => call),
        begin: first,
        end: last,
        bar: spanOf(first, last),
        waited: waitMs === 0 ? undefined : spanOf(first, Math.min(last, first + waitMs)),
      };
    }),
  };
}

interface Gap {
  readonly from: number;
  readonly to: number;
}

/** A line of time in which long gaps are short. */
function scaleOf(steps: readonly Step[], begin: number) {
  const gaps: Gap[] = [];
  let end = begin;
  for (const step of steps) {
    if (step.begin - end > LONGEST_GAP_MS) gaps.push({ from: end, to: step.begin });
    end = Math.max(end, step.end);
  }
  const foldedMs = gaps.reduce((sum, { from, to }) => sum + to - from, 0);
  const drawnMs = Math.max(1, end - begin - foldedMs) * FOLDED;
  const place = (time: number) => {
    let saved = 0;
    for (const { from, to } of gaps) {
      if (time <= from) break;
      const part = Math.min(1, (time - from) / (to - from));
      saved += part * (to - from - drawnMs);
    }
    return time - begin - saved;
  };
  return { place, total: place(end), gaps, foldedMs };
}

const isAlike = (a: Entry, b: Entry) =>
  a.tool === b.tool &&
  a.token_id === b.token_id &&
  a.client === b.client &&
  a.outcome === b.outcome &&
  (a.status ?? a.code) === (b.status ?? b.code) &&
  a.rev_from === a.rev_to &&
  b.rev_from === b.rev_to;

/** Folds calls that are alike and change nothing. */
function rowsOf(steps: readonly Step[]): Step[][] {
  const groups: Step[][] = [];
  for (const step of steps) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    const isNear = last !== undefined && step.begin - last.end <= LONGEST_GAP_MS;
    if (group !== undefined && last !== undefined && isNear && isAlike(last.call, step.call))
      group.push(step);
    else groups.push([step]);
  }
  return groups.flatMap((group) => (group.length >= ALIKE ? [group] : group.map((step) => [step])));
}
