import { type Answer, Connection } from './connection.ts';
import { bytesWritten, cpuNanoseconds } from './machine.ts';
import type { RunningWorker } from './workerd.ts';

/** A server under one kind of load: what is measured beside other lanes, in slices that alternate with theirs. */
export interface Lane {
  /** The server: rows and ratios are named after it. */
  readonly server: string;
  readonly load: string;
  readonly worker: RunningWorker;
  /** For each connection its requests, which never end and go on from one slice to the next. */
  readonly requests: readonly Generator<Buffer, never>[];
  /** Whether an answer is what this load expects. */
  accepts(answer: Answer): boolean;
}

export interface Slice {
  readonly calls: number;
  /** CPU of the server's process, in microseconds a call. */
  readonly cpu: number;
  /** Calls a second. */
  readonly rate: number;
  /** Bytes that the server wrote to files, log and sockets, a call. */
  readonly written: number;
  /** Durations of the calls in milliseconds. */
  readonly durations: readonly number[];
}

export interface LaneResult {
  readonly lane: Lane;
  /** One for each round. */
  readonly slices: readonly Slice[];
  /** All calls, those of the warm-up included. */
  readonly calls: number;
}

const WARM_UP_MS = 2000;
/** Before each slice: the object may have been evicted while other lanes were measured. */
const REWARM_MS = 40;

/** Opened for each slice, because workerd closes connections that are idle for five seconds. */
function openConnections({ worker, requests }: Lane): Promise<Connection[]> {
  return Promise.all(requests.map(() => Connection.open(worker.origin)));
}

/** Calls in a closed loop for so long, until the last answer has come. @throws Error when an answer is not accepted */
async function run(
  { server, load, requests, accepts }: Lane,
  connections: readonly Connection[],
  ms: number,
): Promise<number[]> {
  const durations: number[] = [];
  const end = performance.now() + ms;
  const callUntilEnd = async (connection: Connection, index: number) => {
    for (;;) {
      const began = performance.now();
      if (began >= end) return;
      const request = requests[index]?.next().value;
      if (request === undefined) return;
      const answer = await connection.send(request);
      durations.push(performance.now() - began);
      if (!accepts(answer)) throw new Error(`${server}, ${load}: ${answer.status} ${answer.body}`);
    }
  };
  await Promise.all(connections.map(callUntilEnd));
  return durations;
}

async function measureSlice(lane: Lane, connections: readonly Connection[], ms: number): Promise<Slice> {
  const { pid } = lane.worker;
  const [cpuBefore, writtenBefore, began] = [cpuNanoseconds(pid), bytesWritten(pid), performance.now()];
  const durations = await run(lane, connections, ms);
  const seconds = (performance.now() - began) / 1000;
  const calls = durations.length;
  return {
    calls,
    cpu: (cpuNanoseconds(pid) - cpuBefore) / 1000 / calls,
    rate: calls / seconds,
    written: (bytesWritten(pid) - writtenBefore) / calls,
    durations,
  };
}

/** Calls for a while, then measures a slice. @returns the slice and the number of all calls */
async function warmAndMeasure(lane: Lane, warmUpMs: number, sliceMs: number) {
  const connections = await openConnections(lane);
  const warmedUp = (await run(lane, connections, warmUpMs)).length;
  const slice = await measureSlice(lane, connections, sliceMs);
  for (const connection of connections) connection.close();
  return { slice, calls: warmedUp + slice.calls };
}

/**
 * Measures all lanes in each round, in alternating order, so that a slow moment of the machine falls on all of them and
 * none is always measured after the same other.
 */
export async function measureLanes(
  lanes: readonly Lane[],
  { rounds, sliceMs }: { readonly rounds: number; readonly sliceMs: number },
): Promise<LaneResult[]> {
  const results = lanes.map((lane) => ({ lane, slices: [] as Slice[], calls: 0 }));
  const warmUpMs = Math.min(WARM_UP_MS, 10 * sliceMs);
  for (const result of results) result.calls += (await warmAndMeasure(result.lane, warmUpMs, sliceMs)).calls;
  for (let round = 0; round < rounds; round++) {
    for (const result of round % 2 === 0 ? results : results.toReversed()) {
      const { slice, calls } = await warmAndMeasure(result.lane, REWARM_MS, sliceMs);
      result.slices.push(slice);
      result.calls += calls;
    }
  }
  return results;
}
