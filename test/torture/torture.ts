import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatTable } from '../bench/table.ts';
import { clocks } from './clocks.ts';
import { crashes } from './crashes.ts';
import { type Finding, isBroken, rowOf } from './finding.ts';
import { floods } from './floods.ts';
import { quotas } from './quotas.ts';
import { races } from './races.ts';
import { Random } from './random.ts';
import { Rig, type Torture } from './rig.ts';
import { streams } from './streams.ts';
import { work } from './work.ts';

/** Attacks a server in every way that it has to withstand: `npm run torture -- --help`. */

const SCENARIOS: Readonly<Record<string, (torture: Torture) => Promise<Finding[]>>> = {
  clocks,
  quotas,
  races,
  crashes,
  floods,
  streams,
  work,
};

const HELP = `npm run torture -- [options]

Runs scenarios against a server on workerd and against the local one, and prints a table for each. It exits with 1 when a
bound is broken. Aims, which are times and memory, are only printed: they need an idle machine.

  --short        Fewer repetitions.
  --only NAME    ${Object.keys(SCENARIOS).join(', ')}; may be repeated. Default: all.
  --seed N       Repeats the random choices of another run.
  --help         Print this text.
`;

/** @returns whether a bound is broken */
async function run(name: string, seed: number, isShort: boolean): Promise<boolean> {
  const scenario = SCENARIOS[name];
  if (scenario === undefined)
    throw new Error(`--only must be one of ${Object.keys(SCENARIOS).join(', ')}, not ${name}.`);
  const directory = await mkdtemp(join(tmpdir(), `bulkhead-torture-${name}-`));
  mkdirSync(join(directory, 'own'));
  const rig = new Rig(directory);
  const began = performance.now();
  try {
    const findings = await scenario({
      rig,
      random: new Random(seed),
      isShort,
      directory: join(directory, 'own'),
    });
    console.log(`\n${name}, ${Math.round((performance.now() - began) / 1000)} s\n`);
    console.log(formatTable(findings.map(rowOf)));
    return findings.some(isBroken);
  } finally {
    await rig.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: Object.keys(SCENARIOS) },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(HELP);
else {
  console.log(`seed ${values.seed}`);
  for (const name of values.only) {
    const failed = await run(name, Number(values.seed), values.short).catch((error: unknown) => {
      console.error(`\n${name} failed:`, error);
      return true;
    });
    if (failed) process.exitCode = 1;
  }
}
