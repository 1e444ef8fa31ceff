/** What the commands share: how they fail, and how they print. */

/** An expected failure: its message is one sentence for whoever sits at the terminal, and no stack is shown. */
export class CliError extends Error {
  /** `usage` when the command line was wrong, else the code of the server's answer or of the reason. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'CliError';
    this.code = code;
  }

  /** 2 when the command line was wrong, else 1. */
  get exitCode(): number {
    return this.code === 'usage' ? 2 : 1;
  }
}

export function usageError(message: string): CliError {
  return new CliError('usage', message);
}

/** Control and formatting characters, which could rewrite what a terminal shows. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text that others wrote, made safe to show. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '?');
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

/** Runs a command and sets the exit code; an expected failure is one sentence on stderr. */
export async function run(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    console.error(error.message);
    process.exitCode = error.exitCode;
  }
}
