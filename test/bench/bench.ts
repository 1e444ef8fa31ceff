import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countWritePages } from '../support/write-pages.ts';
import { type Bar, barChart } from './chart.ts';
import { measureChecked } from './checks.ts';
import { type Chart, writePart } from './document.ts';
import { measureHostileService } from './hostile-neighbour.ts';
import type { LaneResult } from './lane.ts';
import { type CheckedLane, ourLane, rivalWrites } from './lanes.ts';
import { busyReason, describeMachine, describeUse, fileSystemOf, isBusy, MachineWatch } from './machine.ts';
import { measureNeighbours, type NeighbourResult } from './neighbours.ts';
import { HELP, type Options, parseOptions } from './options.ts';
import {
  type AimRow,
  figureRow,
  printAims,
  printLanes,
  printTable,
  type Report,
  ratioRow,
} from './report.ts';
import {
  AGAINST,
  CONNECTED,
  CONNECTED_SOURCE,
  OURS,
  ourSource,
  RIVALS,
  type Rival,
  Servers,
  TOOL_NAMES,
  UNLIMITED,
  WITHOUT_RECORDS_SOURCE,
} from './servers.ts';
import { spreadOf } from './statistics.ts';
import { formatTable } from './table.ts';
import { measureTelemetry } from './telemetry.ts';

/** What a guarded call costs: `npm run bench -- --help`. */

const MEMORY = '/dev/shm';
const RIVAL_NAMES = Object.keys(RIVALS) as Rival[];
const PAGES_WARM = 6000;
const PAGES_COUNTED = 3200;
const WRITES = [
  { name: 'write, 16 connections', connections: 16 },
  { name: 'write, 1 connection', connections: 1 },
];

/** The Workers whose guarded calls are measured: this checkout's, and that of `--against`. */
const guarded = ({ against }: Options) => (against === undefined ? [OURS] : [OURS, AGAINST]);

async function measureWrites(servers: Servers, storage: string, options: Options): Promise<Report> {
  const lanes: CheckedLane[] = [];
  for (const rival of RIVAL_NAMES) {
    const worker = await servers.start(rival, storage);
    lanes.push(...(await rivalWrites(rival, worker, WRITES)));
  }
  for (const name of guarded(options)) {
    const worker = await servers.start(name, storage, UNLIMITED);
    for (const load of WRITES) lanes.push(await ourLane(name, worker, load));
  }
  const results = await measureChecked(lanes, options);
  const fileSystem = await fileSystemOf(storage);
  const floorAim = storage.startsWith(MEMORY) ? 'at most 2.4' : 'at most 1.8';
  const aims = WRITES.flatMap(({ name: load }): AimRow[] => [
    ...ratioRow(results, 'cpu', [OURS, 'floor'], load, floorAim),
    ...ratioRow(results, 'rate', [OURS, 'unguarded'], load, 'at least 2.0'),
    ...ratioRow(results, 'rate', [OURS, 'mcp-agent'], load, 'at least 3'),
    ...ratioRow(results, 'rate', [OURS, 'agents-handler'], load, 'at least 1.7'),
    ...ratioRow(results, 'cpu', [OURS, AGAINST], load, ''),
    ...ratioRow(results, 'rate', [OURS, AGAINST], load, ''),
    ...figureRow(results, [OURS, load], 'written', 'at most 28'),
  ]);
  const storageName = storage.startsWith(MEMORY) ? 'memory' : 'disk';
  return {
    print: () => {
      printLanes(`Writes, storage on ${fileSystem}`, results);
      printAims(aims);
    },
    aims: aims.map((row) => ({ ...row, figure: `${row.figure}; ${fileSystem}` })),
    charts: [rateChart(storageName, fileSystem, results)],
  };
}

/** The calls a second of each server and load. */
function rateChart(storageName: string, fileSystem: string, results: readonly LaneResult[]): Chart {
  const bars = WRITES.flatMap(({ name: load }) =>
    results
      .filter(({ lane }) => lane.load === load && lane.server !== AGAINST)
      .map(({ lane, slices }): Bar => {
        const { median } = spreadOf(slices.map(({ rate }) => rate));
        const shown = `${median.toFixed(0)} a second`;
        return { name: `${lane.server}; ${load}`, value: median, shown, isOwn: lane.server === OURS };
      }),
  );
  const title = `Guarded writes a second, storage on ${fileSystem}`;
  const legend =
    'bulkhead beside a bare upsert (floor) and three unguarded MCP servers, measured in alternating slices';
  const alt = `${title}: ${bars.map(({ name, shown }) => `${name}: ${shown}`).join('; ')}.`;
  return { name: `writes-${storageName}`, svg: barChart({ title, legend }, bars), alt };
}

async function measureWorkloads(servers: Servers, storage: string, options: Options): Promise<Report> {
  const lanes: CheckedLane[] = [];
  for (const name of guarded(options)) {
    const worker = await servers.start(name, storage, UNLIMITED);
    for (const load of [
      { name: 'write, 2026-07-28', connections: 16 },
      { name: 'write, 2025-11-25', connections: 16, era: '2025-11-25' },
      { name: 'write, 4 tenants', connections: 16, tenants: 4 },
      { name: 'read', connections: 16, kind: 'read' },
      { name: 'read, 2025-11-25', connections: 16, kind: 'read', era: '2025-11-25' },
      { name: 'read, 1 connection', connections: 1, kind: 'read' },
      { name: 'refused', connections: 16, kind: 'refused' },
    ] as const)
      lanes.push(await ourLane(name, worker, load));
  }
  const results = await measureChecked(lanes, options);
  const fileSystem = await fileSystemOf(storage);
  const aims = [
    ...figureRow(results, [OURS, 'read'], 'cpu', 'at most 400'),
    ...['write, 2025-11-25', 'read', 'refused'].flatMap((load) =>
      ratioRow(results, 'cpu', [OURS, AGAINST], load, ''),
    ),
  ];
  return {
    print: () => {
      printLanes(`Kinds of calls at 16 connections, storage on ${fileSystem}`, results);
      printAims(aims);
    },
    aims,
    charts: [],
  };
}

async function measureAllNeighbours(
  servers: Servers,
  storage: string,
  options: Options,
): Promise<{ report: Report; cpuSeconds: number }> {
  const results: NeighbourResult[] = [];
  for (const server of guarded(options)) {
    for (const { limits, vars, aim } of [
      { limits: 'default limits', vars: {}, aim: 'at most 1.5' },
      { limits: 'limits that never refuse', vars: UNLIMITED, aim: 'at most 3' },
    ]) {
      const worker = await servers.start(server, storage, vars);
      const length = { rounds: options.neighbourRounds, ms: options.neighbourMs };
      results.push(await measureNeighbours(worker, { server, limits, aim }, length));
    }
  }
  const connected = await servers.start(CONNECTED, storage, UNLIMITED);
  const length = { rounds: options.neighbourRounds, ms: options.neighbourMs };
  const hostile = await measureHostileService(connected, OURS, length);
  const all = [...results, ...hostile];
  const cpuSeconds = all.reduce((sum, result) => sum + result.cpuSeconds, 0);
  const aims = all.map(({ aim }) => aim);
  const print = () => {
    printTable(
      'A calm tenant, alone and beside a runaway one of the same process',
      results.map(({ row }) => row),
    );
    printTable(
      'Calm calls, alone and beside a tool of the same process that calls a hostile service',
      hostile.map(({ row }) => row),
    );
    printAims(aims);
  };
  return { report: { print, aims, charts: [] }, cpuSeconds };
}

async function runSections(options: Options, directory: string, memory: string): Promise<void> {
  const servers = new Servers(directory);
  try {
    for (const rival of options.sections.includes('writes') ? RIVAL_NAMES : []) servers.build(RIVALS[rival]);
    servers.build(ourSource(OURS));
    if (options.sections.includes('telemetry')) servers.build(WITHOUT_RECORDS_SOURCE);
    if (options.sections.includes('neighbours')) servers.build(CONNECTED_SOURCE);
    if (options.against !== undefined) servers.build(ourSource(AGAINST, options.against));
    const watch = new MachineWatch();
    const reports: Report[] = [];
    const { sections } = options;
    if (sections.includes('writes')) {
      reports.push(await measureWrites(servers, directory, options));
      if (options.tmpfs) reports.push(await measureWrites(servers, memory, options));
      const { pages } = countWritePages(PAGES_WARM, PAGES_COUNTED);
      const sentence = `A guarded write dirties ${pages.toFixed(2)} database pages (npm run bench:pages).`;
      const row = { figure: 'database pages that a write dirties', value: pages.toFixed(2), aim: '' };
      reports.push({ print: () => console.log(`\n${sentence}`), aims: [row], charts: [] });
    }
    if (sections.includes('telemetry')) reports.push(await measureTelemetry(servers, directory, options));
    if (sections.includes('workloads')) reports.push(await measureWorkloads(servers, directory, options));
    let endedSeconds = 0;
    if (sections.includes('neighbours')) {
      const { report, cpuSeconds } = await measureAllNeighbours(servers, directory, options);
      reports.push(report);
      endedSeconds += cpuSeconds;
    }
    const use = watch.use(servers.pids, endedSeconds);
    if (isBusy(use) && refuse(describeUse(use), options)) return;
    for (const { print } of reports) print();
    const how = `Medians of ${options.rounds} rounds with their quartiles; rivals have ${TOOL_NAMES.length} tools.`;
    const where = `${describeMachine()}; ${describeUse(use)}.`;
    console.log(`\n${how}\n${where}`);
    if (options.docs) {
      const table = formatTable(reports.flatMap(({ aims }) => aims));
      const charts = reports.flatMap((report) => report.charts);
      writePart('calls', charts, `${table}\n\n${how} ${where}`);
    }
  } finally {
    await servers.stop();
  }
}

/** Reports that the machine is busy. @returns whether the figures must therefore not be printed */
function refuse(reason: string, { anyway }: Options): boolean {
  console.error(`The machine is busy: ${reason}.`);
  if (anyway) return false;
  console.error('No figures are printed. Repeat the run when the machine is idle, or pass --anyway.');
  process.exitCode = 1;
  return true;
}

async function main(options: Options): Promise<void> {
  const reason = await busyReason();
  if (reason !== undefined && refuse(reason, options)) return;
  const directory = await mkdtemp(join(tmpdir(), 'bulkhead-bench-'));
  const memory = options.tmpfs ? await mkdtemp(join(MEMORY, 'bulkhead-bench-')) : directory;
  try {
    await runSections(options, directory, memory);
  } finally {
    for (const path of [directory, memory]) await rm(path, { recursive: true, force: true });
  }
}

const options = parseOptions(process.argv.slice(2));
if (options === undefined) console.log(HELP);
else await main(options);
