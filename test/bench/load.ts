import autocannon, { type Request } from 'autocannon';
import type { RunningWorker } from './workerd.ts';

const KEYS = 64;
const WARM_UP_S = 2;
const SETTLE_MS = 100;

/** A server under load: how a write is put to it, and how to know that it happened. */
export interface Target {
  readonly name: string;
  readonly worker: RunningWorker;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  body(key: string, value: string): string;
  /** How many writes there ever were. */
  written(): Promise<number>;
}

export interface Run {
  readonly connections: number;
  readonly round: number;
  readonly seconds: number;
}

export interface Measured extends Run {
  readonly server: string;
  readonly calls: number;
  /** Of the workerd process, in microseconds a call. */
  readonly cpu: number;
  /** Calls a second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const keyOf = (index: number) => `plan/step-${index % KEYS}`;
const succeeded = (body: string) => /"(?:created|updated)\\?"/.test(body) && !body.includes('"isError"');

/** Writes every key once, one at a time, so that a server that refuses is seen before it is measured. */
export async function prime({ name, url, headers, body }: Target): Promise<void> {
  for (let i = 0; i < KEYS; i++) {
    const response = await fetch(url, { method: 'POST', headers, body: body(keyOf(i), 'not begun') });
    const answer = await response.text();
    if (response.status !== 200 || !succeeded(answer))
      throw new Error(`${name} answered ${response.status} ${answer}`);
  }
}

/** A run after a warm-up; throws when an answer was not a success, or when not every answered write was made. */
export async function measure(target: Target, run: Run): Promise<Measured> {
  await load(target, run.connections, WARM_UP_S);
  const writtenBefore = await settled(target);
  const cpuBefore = target.worker.cpuSeconds();
  const { durations, seconds } = await load(target, run.connections, run.seconds);
  const cpuSeconds = target.worker.cpuSeconds() - cpuBefore;
  const written = (await settled(target)) - writtenBefore;
  const calls = durations.length;
  // A run ends with one call of each connection in flight.
  if (written < calls || written > calls + run.connections)
    throw new Error(`${target.name} answered ${calls} writes and made ${written}`);
  durations.sort((a, b) => a - b);
  const percentile = (part: number) => durations[Math.floor((calls - 1) * part)] ?? Number.NaN;
  return {
    ...run,
    server: target.name,
    calls,
    cpu: (cpuSeconds / calls) * 1e6,
    rate: calls / seconds,
    p50: percentile(0.5),
    p99: percentile(0.99),
  };
}

/** The writes so far, once those in flight have ended. */
async function settled(target: Target): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return target.written();
}

let connectionsMade = 0;

/** The duration of every call in milliseconds: autocannon's own histogram knows whole ones only. */
async function load({ name, url, headers, body }: Target, connections: number, duration: number) {
  /** Each key with two values in turn that no other connection writes: a write never finds its own value there. */
  const requests = (connection: number): Request[] =>
    Array.from({ length: 2 * KEYS }, (_, i) => {
      const value = `Worker ${connection} looked at step ${i}: the parser is done, two of the tests still fail.`;
      return { body: body(keyOf(i), value) };
    });
  const durations: number[] = [];
  const running = autocannon({
    url,
    method: 'POST',
    headers,
    connections,
    duration,
    setupClient: (client) => client.setRequests(requests(++connectionsMade)),
    verifyBody: succeeded,
  });
  const began = performance.now();
  let ended = began;
  running.on('response', (_client, _status, _bytes, took) => {
    durations.push(took);
    ended = performance.now();
  });
  const { errors, non2xx, mismatches } = await running;
  if (errors + non2xx + mismatches > 0 || durations.length === 0)
    throw new Error(
      `${name}: ${errors} failed, ${non2xx} not 2xx, ${mismatches} refused of ${durations.length}`,
    );
  return { durations, seconds: (ended - began) / 1000 };
}
