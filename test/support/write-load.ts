const KEYS = 64;
const CONNECTIONS = 16;

/** The arguments of the n-th `blackboard_write` of the benchmark's load: 16 connections that write 64 cells again and again. */
export function writeOfBenchmark(n: number): { key: string; value: string } {
  const connection = n % CONNECTIONS;
  const step = Math.floor(n / CONNECTIONS) % (2 * KEYS);
  const turn = step < KEYS ? 'first' : 'second';
  const value = `Worker ${connection} looked at step ${step} a ${turn} time: the parser is done, two of the tests still fail.`;
  return { key: `plan/step-${step % KEYS}`, value };
}
