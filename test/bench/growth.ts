/**
 * Measures how the time of each tool grows with what a tenant stores: the tenant's core on `node:sqlite`, on a file.
 *
 *     npm run bench:growth -- --sizes 1000,10000,100000,1000000 [--keep <directory>] [--only <text>] [--docs]
 *
 * Prints the lower quartile of the CPU time of a whole call in microseconds, and for each size the ratio to the smallest. A call waits for
 * nothing but the file, which is in the memory of the system, so on an idle machine it takes as long. With
 * `--keep` the filled databases stay in the directory and are used again; what is measured is a copy. `--docs` writes the figures
 * and their charts into docs/figures.md and docs/figures. How a tenant is filled, so that answers can be compared, is told in
 * test/support/growth-fill.ts.
 */
import { copyFileSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openDatabase } from '../../src/local/database.ts';
import { createdCompartment, openCompartment } from '../support/compartment.ts';
import { type Call, fill } from '../support/growth-fill.ts';
import { OPERATIONS, type Operation } from '../support/growth-operations.ts';
import { documentGrowth } from './growth-document.ts';
import { MachineWatch } from './machine.ts';

const HELP = `npm run bench:growth -- [options]
  --sizes N,N,…    How many cells each tenant stores. Default: 1000,10000,100000,1000000, which takes minutes.
  --only TEXT      Only the calls whose name has this text.
  --keep DIR       Keep the filled databases there, and use those that are there.
  --docs           Write the figures and their charts into docs/figures.md and docs/figures.
  --help           Print this text.`;

const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1000,10000,100000,1000000' },
    keep: { type: 'string' },
    only: { type: 'string', default: '' },
    docs: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(HELP);
  process.exit();
}
const sizes = options.sizes.split(',').map(Number);
const directory = options.keep ?? mkdtempSync(join(tmpdir(), 'growth-'));

const MAX_CALLS = 200;
const MIN_CALLS = 5;
/** The cache and the failure memory have room for no more. */
const MAX_CACHED = 45_000;
const MAX_SCARS = 9_700;
const WARM_UP = 3;
const MAX_MS = 1_500;
const QUOTA_BYTES = 64 * 2 ** 30;

/** The lower quartile: what disturbs a call only ever adds to its time. */
function lowerQuartile(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length / 4)] ?? Number.NaN;
}

function measure(operation: Operation, call: Call, advance: () => void): number {
  const times: number[] = [];
  const started = Date.now();
  const { calls = MAX_CALLS } = operation;
  for (let n = 0; n < calls + WARM_UP; n++) {
    if (n >= MIN_CALLS + WARM_UP && Date.now() - started > MAX_MS) break;
    const [tool, args] = operation.request(n);
    const before = process.cpuUsage();
    const answer = call(tool, args);
    const { user, system } = process.cpuUsage(before);
    advance();
    if (n >= WARM_UP) times.push(user + system);
    operation.after?.(call, answer);
  }
  return lowerQuartile(times);
}

const pathOf = (size: number) => join(directory, `growth-${size}.db`);

function openTenant(path: string, open: typeof openCompartment) {
  const db = openDatabase(path);
  const tenant = open({ db, storageQuotaBytes: QUOTA_BYTES });
  const token = tenant.issue();
  const call: Call = (tool, args) => {
    const outcome = tenant.call(token, tool, args);
    const line = tenant.lines.pop();
    tenant.lines.length = 0;
    if (outcome.kind !== 'answer') throw new Error(`${tool} failed: ${JSON.stringify({ outcome, line })}`);
    return JSON.parse(outcome.json);
  };
  return { db, tenant, call };
}

function removeDatabase(path: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
}

function secondsOf(run: () => void): string {
  const started = performance.now();
  run();
  return ((performance.now() - started) / 1_000).toFixed(1);
}

function fillOnce(size: number): void {
  if (existsSync(pathOf(size))) return;
  const path = join(directory, 'filling.db');
  removeDatabase(path);
  const { db, tenant, call } = openTenant(path, createdCompartment);
  const seconds = secondsOf(() =>
    fill(db, tenant.clock.now, call, {
      cells: size,
      cached: Math.min(size, MAX_CACHED),
      scars: Math.min(size, MAX_SCARS),
    }),
  );
  console.error(`${size}: filled in ${seconds} s, ${(db.sizeBytes() / 2 ** 20).toFixed(0)} MiB`);
  db.close();
  renameSync(path, pathOf(size));
}

const results = new Map<string, number[]>();
const watch = new MachineWatch();
for (const size of sizes) {
  fillOnce(size);
  const copy = join(directory, 'measured.db');
  removeDatabase(copy);
  copyFileSync(pathOf(size), copy);
  let opened: ReturnType<typeof openTenant> | undefined;
  // A kept database can be of an earlier release: then this applies the newer migrations.
  const seconds = secondsOf(() => {
    opened = openTenant(copy, openCompartment);
  });
  if (opened === undefined) throw new Error('not opened');
  console.error(`${size}: opened in ${seconds} s`);
  const { db, tenant, call } = opened;
  for (const operation of OPERATIONS.filter(({ name }) => name.includes(options.only))) {
    const micros = measure(operation, call, () => {
      tenant.clock.now += 1;
    });
    results.set(operation.name, [...(results.get(operation.name) ?? []), micros]);
  }
  db.close();
  removeDatabase(copy);
}

const cells = (name: string, texts: readonly string[]) =>
  console.log([name.padEnd(44), ...texts.map((text) => text.padStart(17))].join(''));
cells(
  'CPU time of a call, lower quartile (us)',
  sizes.map((size) => size.toLocaleString('en')),
);
for (const [name, micros] of results)
  cells(
    name,
    micros.map((time) => `${time.toFixed(0)} (${(time / (micros[0] ?? time)).toFixed(1)}x)`),
  );
if (options.docs) documentGrowth(sizes, results, watch.use([], 0));
if (options.keep === undefined) rmSync(directory, { recursive: true });
