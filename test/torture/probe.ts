import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../bench/connection.ts';
import { quantile } from '../bench/statistics.ts';
import { Agent } from './rig.ts';

/**
 * A caller that asks something small all the time, in a process of its own: how long its calls take shows how long other
 * calls hold the tenant.
 */

export interface ProbeTask {
  readonly origin: string;
  readonly token: string;
}

export interface ProbeReport {
  /** Milliseconds, since the last report. */
  readonly median: number;
  readonly longest: number;
}

const PAUSE_MS = 1;

async function serve({ origin, token }: ProbeTask): Promise<void> {
  const connection = await Connection.open(origin);
  const request = new Agent(origin, token).bytes('blackboard_read', { run_id: 'probe', key: 'probe' });
  let durations: number[] = [];
  let reportWanted = false;
  process.on('message', () => {
    reportWanted = true;
  });
  while (process.connected) {
    const began = performance.now();
    await connection.send(request);
    durations.push(performance.now() - began);
    if (reportWanted) {
      reportWanted = false;
      const longest = Math.max(...durations);
      process.send?.({ median: quantile(durations, 0.5), longest } satisfies ProbeReport);
      durations = [];
    }
    await sleep(PAUSE_MS);
  }
  connection.close();
}

process.once('message', (task: ProbeTask) => void serve(task));
