import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** The parts of the benchmark that can be run alone. */
export const SECTIONS = ['writes', 'telemetry', 'workloads', 'neighbours'] as const;
export type Section = (typeof SECTIONS)[number];

export const HELP = `npm run bench -- [options]

Measures what a guarded tool call costs, against a bare upsert, against other ways to build an MCP server, and
beside a runaway neighbour and a hostile service; and what records and spans add to a write. A run takes about ten minutes, and needs Linux and an idle machine.

  --only SECTION   ${SECTIONS.join(', ')}; may be repeated. Default: all.
  --rounds N       Rounds of interleaved slices. Default: 16.
  --no-tmpfs       Do not measure writes a second time with the storage in memory (/dev/shm).
  --against DIR    Also measure the Worker of another checkout, which has its node_modules.
  --docs           Write the figures and their charts into docs/figures.md and docs/figures.
  --quick          A smoke run: two short rounds. Its figures mean nothing.
  --anyway         Print the figures although other processes use the machine.
  --help           Print this text.
`;

export interface Options {
  readonly sections: readonly Section[];
  readonly rounds: number;
  /** Length of one slice in milliseconds. */
  readonly sliceMs: number;
  /** Rounds and length of one slice of the section on neighbours. */
  readonly neighbourRounds: number;
  readonly neighbourMs: number;
  readonly tmpfs: boolean;
  /** The root of another checkout. */
  readonly against: string | undefined;
  readonly docs: boolean;
  readonly anyway: boolean;
}

const isSection = (name: string): name is Section => SECTIONS.some((section) => section === name);

/**
 * Reads the options of the command line.
 * @returns undefined when the help was asked for
 * @throws Error that names the option and what it must be
 */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      only: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      tmpfs: { type: 'boolean', default: true },
      against: { type: 'string' },
      quick: { type: 'boolean', default: false },
      docs: { type: 'boolean', default: false },
      anyway: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const sections = values.only ?? SECTIONS;
  if (!sections.every(isSection)) throw new Error(`--only must be one of ${SECTIONS.join(', ')}.`);
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 16));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds must be a whole number from 1.');
  return {
    sections,
    rounds,
    sliceMs: values.quick ? 100 : 300,
    neighbourRounds: values.quick ? 1 : 6,
    neighbourMs: values.quick ? 1500 : 5000,
    tmpfs: values.tmpfs,
    against: values.against === undefined ? undefined : resolve(values.against),
    docs: values.docs,
    anyway: values.anyway,
  };
}
