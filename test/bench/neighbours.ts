import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Connection, postRequest } from './connection.ts';
import type { AimRow } from './report.ts';
import { callBody, mcpHeaders } from './requests.ts';
import type { RunawayMessage, RunawayReport, RunawayTask } from './runaway.ts';
import { createTenant } from './servers.ts';
import { formatSpread, quantile, resampledRatios, spreadOf } from './statistics.ts';
import type { RunningWorker } from './workerd.ts';

/**
 * Two tenants in one workerd, which has one thread for both: the worst placement. The calm one makes one call each 40 ms,
 * the other one calls in a closed loop from another process.
 */

const CALM_INTERVAL_MS = 40;
const RUNAWAY_CONNECTIONS = 8;
const SETTLE_MS = 300;
const WARM_UP_MS = 1000;
const ERA = '2026-07-28';

export interface NeighbourOptions {
  readonly rounds: number;
  readonly ms: number;
}

interface Named {
  readonly server: string;
  readonly limits: string;
  readonly aim: string;
  /** What the calm one is beside. */
  readonly of?: string;
}

export interface NeighbourResult {
  readonly row: Readonly<Record<string, string | number>>;
  readonly aim: AimRow;
  /** CPU time of the process of the runaway. */
  readonly cpuSeconds: number;
}

/** The load of the runaway tenant, in a process of its own so that it does not slow the calm client down. */
export class Runaway {
  readonly #child: ChildProcess;

  constructor(task: RunawayTask) {
    this.#child = fork(fileURLToPath(new URL('runaway.ts', import.meta.url)), { stdio: 'inherit' });
    this.#child.send(task);
  }

  start(): void {
    this.#child.send({ kind: 'start' } satisfies RunawayMessage);
  }

  /** @returns what it did since it was started */
  async pause(): Promise<RunawayReport> {
    this.#child.send({ kind: 'pause' } satisfies RunawayMessage);
    const [report] = await once(this.#child, 'message');
    return report;
  }

  stop(): void {
    this.#child.disconnect();
  }
}

/** Reads and writes in turn, so that a calm tenant is within the default limits of both tools. */
function calmRequests(url: string, token: string): Buffer[] {
  const authorization = `Bearer ${token}`;
  const request = (tool: string, args: object) =>
    postRequest(url, { ...mcpHeaders(ERA, tool), authorization }, callBody(ERA, tool, args));
  return ['one', 'two'].flatMap((value) => [
    request('blackboard_write', { key: 'calm', value }),
    request('blackboard_read', { key: 'calm' }),
  ]);
}

/** Durations in milliseconds of calls that are sent at fixed times. @throws Error when one is refused */
async function callCalmly(
  connection: Connection,
  requests: readonly Buffer[],
  ms: number,
): Promise<number[]> {
  const durations: number[] = [];
  const began = performance.now();
  for (let due = 0; due < ms; due += CALM_INTERVAL_MS) {
    await sleep(Math.max(0, began + due - performance.now()));
    const request = requests[durations.length % requests.length];
    if (request === undefined) break;
    const sent = performance.now();
    const answer = await connection.send(request);
    durations.push(performance.now() - sent);
    if (answer.status !== 200 || answer.body.includes('"isError"'))
      throw new Error(`the calm tenant was answered ${answer.status} ${answer.body}`);
  }
  return durations;
}

/** @param limits names the limits of both tenants, and `aim` how much longer the calm one's p99 may become */
export async function measureNeighbours(
  worker: RunningWorker,
  named: Named,
  options: NeighbourOptions,
): Promise<NeighbourResult> {
  const calm = await createTenant(worker.origin, 'calm');
  const token = await createTenant(worker.origin, 'runaway');
  const task = { origin: worker.origin, token, connections: RUNAWAY_CONNECTIONS };
  return measureBeside(worker, named, options, { calm, task });
}

/** @param calm the token of the tenant that is measured, alone and beside what the task does */
export async function measureBeside(
  worker: RunningWorker,
  named: Named,
  { rounds, ms }: NeighbourOptions,
  { calm, task }: { readonly calm: string; readonly task: RunawayTask },
): Promise<NeighbourResult> {
  const requests = calmRequests(`${worker.origin}/mcp`, calm);
  const runaway = new Runaway(task);
  const connection = await Connection.open(worker.origin);
  const [alone, beside]: [number[][], number[][]] = [[], []];
  const report = { calls: 0, refused: 0, ms: 0, cpuSeconds: 0 };
  try {
    await callCalmly(connection, requests, WARM_UP_MS);
    for (let round = 0; round < rounds; round++) {
      const measureAlone = async () => {
        await sleep(SETTLE_MS);
        alone.push(await callCalmly(connection, requests, ms));
      };
      if (round % 2 === 0) await measureAlone();
      runaway.start();
      await sleep(SETTLE_MS);
      beside.push(await callCalmly(connection, requests, ms));
      const { calls, refused, ms: loaded, cpuSeconds } = await runaway.pause();
      report.calls += calls;
      report.refused += refused;
      report.ms += loaded;
      report.cpuSeconds = cpuSeconds;
      if (round % 2 === 1) await measureAlone();
    }
  } finally {
    connection.close();
    runaway.stop();
  }
  return present(named, { alone, beside, report });
}

function present(
  { server, limits, aim, of = 'a runaway' }: Named,
  { alone, beside, report }: { alone: number[][]; beside: number[][]; report: RunawayReport },
): NeighbourResult {
  const ms = (rounds: readonly number[][], part: number) => Number(quantile(rounds.flat(), part).toFixed(1));
  const row = {
    server,
    limits,
    'alone p50 ms': ms(alone, 0.5),
    'alone p99': ms(alone, 0.99),
    'beside p50': ms(beside, 0.5),
    'beside p99': ms(beside, 0.99),
    calls: beside.flat().length,
    'runaway calls/s': Math.round((1000 * report.calls) / report.ms),
    'of them refused': `${Math.round((100 * report.refused) / report.calls)} %`,
  };
  const value = formatSpread(spreadOf(resampledRatios(beside, alone, 0.99)));
  return {
    row,
    cpuSeconds: report.cpuSeconds,
    aim: { figure: `p99 beside ${of} / alone, ${server}; ${limits}`, value, aim },
  };
}
