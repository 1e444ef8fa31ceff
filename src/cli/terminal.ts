import { UNSEEN } from '../telemetry/unseen.ts';

/** An expected failure. Its message is for the person at the terminal: what is wrong, then what to do. */
export class CliError extends Error {
  /** `usage` for a wrong command line, otherwise the error code of the server or the kind of failure. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'CliError';
    this.code = code;
  }

  /** The exit code of the process: 2 for a wrong command line, otherwise 1. */
  get exitCode(): number {
    return this.code === 'usage' ? 2 : 1;
  }
}

export function usageError(message: string): CliError {
  return new CliError('usage', message);
}

/**
 * What is wrong with the options of a command line, from the error that `parseArgs` threw, as one sentence.
 * @throws any other error again
 */
export function optionProblem(error: unknown): string {
  if (!(error instanceof TypeError)) throw error;
  const [sentence = ''] = error.message.split(/\. |\n/);
  return `${sentence.replace(/\.$/, '')}.`;
}

/**
 * Handles the command line of a command that has no options but `--help`.
 * @returns true if the help was printed
 * @throws CliError `usage` for any other argument
 */
export function helpOnly(argv: readonly string[], usage: string): boolean {
  const [first] = argv;
  if (first === undefined) return false;
  if (first !== '--help' && first !== '-h') throw usageError(`${first} is not an option here. See --help.`);
  console.log(usage);
  return true;
}

const codeOf = (char: string) =>
  `<U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`;

/** Text from elsewhere, made safe to print to a terminal: what would not be seen is shown as its code. */
export function printable(text: string): string {
  return text.replace(UNSEEN, codeOf);
}

/** Rows as lines of aligned columns. */
export function table(rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of shown) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const line = (row: readonly string[]) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return shown.map((row) => line(row).trimEnd()).join('\n');
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** A size for people, such as `1.5 MiB`. */
export function humanBytes(bytes: number): string {
  const step = Math.min(BYTE_UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** step;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${BYTE_UNITS[step]}`;
}

/** Runs a command and sets the exit code. Of an expected failure only the message is printed, on stderr. */
export async function run(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    console.error(error.message);
    process.exitCode = error.exitCode;
  }
}
