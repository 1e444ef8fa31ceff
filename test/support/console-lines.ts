/**
 * Keeps what the Worker logs, so that a test that fails can print it.
 *
 * Vitest would send each line to its own process and, at the end, wait for all answers. A line that an object logs outside
 * the runner's request waits for the next message, and after the last test there is none: the run would never end.
 */
const MOST_LINES = 1_000;
const print = console.log;
let lines: unknown[][] = [];

function hold(...line: unknown[]) {
  if (lines.length < MOST_LINES) lines.push(line);
}

export function holdLines(): void {
  for (const level of ['debug', 'log', 'info', 'warn', 'error'] as const) console[level] = hold;
}

export function dropLines(): void {
  lines = [];
}

export function printLines(): void {
  for (const line of lines) print(...line);
}
