import { type Growth, growthChart, milliseconds } from './chart.ts';
import { type Chart, writePart } from './document.ts';
import { describeMachine, describeUse, type MachineUse } from './machine.ts';
import { formatTable } from './table.ts';

/** Puts the times of `bench:growth` into the documents. */

interface Group {
  readonly chart: string;
  readonly title: string;
  /** What a call should take at most, in microseconds. */
  readonly aim: number;
  has(name: string): boolean;
}

const isSearch = (name: string) => /search|similar|lookup|check/.test(name);
const isOfBoard = (name: string) => !/^(?:cache|scar|complete a tool|tenant)/.test(name);

const GROUPS: readonly Group[] = [
  {
    chart: 'growth-boards',
    title: 'Reads, writes, lists and claims',
    aim: 2_000,
    has: (name) => isOfBoard(name) && !isSearch(name),
  },
  { chart: 'growth-searches', title: 'Searches', aim: 10_000, has: isSearch },
  {
    chart: 'growth-others',
    title: 'The cache and the failure memory',
    aim: 2_000,
    has: (name) => !isOfBoard(name) && !isSearch(name),
  },
];

/** @param times of each operation in microseconds, in the order of `sizes` */
export function documentGrowth(
  sizes: readonly number[],
  times: ReadonlyMap<string, readonly number[]>,
  use: MachineUse,
): void {
  const [smallest = 0, largest = 0] = [sizes[0], sizes.at(-1)];
  const legend = `ring: ${smallest.toLocaleString('en')} cells stored, dot: ${largest.toLocaleString('en')}; dashed: the aim`;
  const growths = [...times].map(([name, micros]): Growth => {
    const [from = Number.NaN, to = Number.NaN] = [micros[0], micros.at(-1)];
    return { name, from, to };
  });
  const charts = GROUPS.map(({ chart, title, aim, has }): Chart => {
    const rows = growths.filter(({ name }) => has(name));
    const late = rows.filter(({ to }) => to > aim).map(({ name, to }) => `${name} ${milliseconds(to)} ms`);
    const alt = `${title}: the time of a call with ${legend}. Above ${aim / 1_000} ms: ${late.join(', ') || 'none'}.`;
    return { name: chart, svg: growthChart({ title, legend }, aim, rows), alt };
  });
  const table = formatTable(
    [...times].map(([name, micros]) => ({
      'time of a call in ms': name,
      ...Object.fromEntries(
        sizes.map((size, i) => [size.toLocaleString('en'), milliseconds(micros[i] ?? 0)]),
      ),
      growth: `${((micros.at(-1) ?? 0) / (micros[0] ?? 0)).toFixed(1)} ×`,
    })),
  );
  const text = `<details><summary>All times, by the number of cells stored</summary>\n\n${table}\n\n</details>\n
Lower quartiles of the CPU time of a whole call, the tenant's core on a file, as it is filled: not idle, so that no search index is merged. ${describeMachine()}; ${describeUse(use)}.`;
  writePart('growth', charts, text);
}
