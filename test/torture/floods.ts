import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { COALESCE_MS } from '../../src/telemetry/coalesce.ts';
import { Runaway } from '../bench/neighbours.ts';
import { quantile } from '../bench/statistics.ts';
import { atMost, type Finding } from './finding.ts';
import { Agent, issueToken, newAgent, type Torture } from './rig.ts';

/** One token with 32 connections that never waits, beside an agent of the same tenant that obeys `retry_after_ms`. */

const HOG_CONNECTIONS = 32;
const MAX_TRIES = 40;
/** Kinds of refusals of one token and tool, at the tenant and at the edge, with two lines a second each. */
const MAX_REFUSAL_LINES_PER_S = 4;

export async function floods({ rig, isShort }: Torture): Promise<Finding[]> {
  const worker = await rig.start();
  const obeying = await newAgent(worker, 'flooded');
  const hog = new Agent(worker.origin, await issueToken(worker.origin, 'flooded'));
  const runaway = new Runaway({ ...hog, connections: HOG_CONNECTIONS });
  const retries: number[] = [];
  try {
    runaway.start();
    await sleep(2000);
    for (let n = 0; n < (isShort ? 20 : 100); n++) retries.push(await retriesOf(obeying, n));
    const { calls, refused, ms } = await runaway.pause();
    // A kind of refusal that began just before the timer ran is counted by the next one.
    await sleep(2 * COALESCE_MS + 500);
    const log = refusalsIn(readFileSync(worker.logFile, 'utf8'), tokenIdOf(hog));
    // The repeats of the last second are printed when it is over.
    const loggedPerSecond = (count: number) => (1000 * count) / (ms + COALESCE_MS);
    const perSecond = (count: number) => (1000 * count) / ms;
    const lineBytes = log.lines === 0 ? 0 : log.bytes / log.lines;
    return [
      atMost(
        'bound',
        { item: 'retries of an agent that obeys retry_after_ms, median', value: quantile(retries, 0.5) },
        1,
      ),
      atMost('bound', { item: 'the same, most', value: Math.max(...retries) }, 3),
      atMost(
        'bound',
        {
          item: `log lines a second of ${Math.round(perSecond(refused))} refusals`,
          value: loggedPerSecond(log.lines),
        },
        MAX_REFUSAL_LINES_PER_S,
      ),
      atMost(
        'bound',
        {
          item: `their size, where a line each would be ${Math.round(perSecond(calls * lineBytes) / 1024)} KiB`,
          value: loggedPerSecond(log.bytes) / 1024,
          unit: 'KiB/s',
        },
        MAX_REFUSAL_LINES_PER_S,
      ),
      atMost('bound', { item: 'refusals that no line counts', value: Math.max(0, refused - log.counted) }, 0),
    ];
  } finally {
    runaway.stop();
  }
}

async function retriesOf(agent: Agent, n: number): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const { answer, retryAfterMs } = await agent.call('blackboard_write', { key: 'obeying', value: n });
    if (answer !== undefined) return tries;
    await sleep(retryAfterMs ?? 0);
  }
  return MAX_TRIES;
}

const tokenIdOf = ({ token }: Agent): string =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).jti;

/** The log lines about refusals of a token, and how many refusals they stand for. */
function refusalsIn(log: string, tokenId: string): { lines: number; bytes: number; counted: number } {
  const lines = log
    .split('\n')
    .filter((line) => line.includes(tokenId))
    .filter((line) => /"code":"(?:rate_limited|too_many_requests)"|"http_status":429/.test(line));
  const counted = lines.reduce((sum, line) => sum + Number(/"times":(\d+)/.exec(line)?.[1] ?? 1), 0);
  return { lines: lines.length, bytes: lines.join('\n').length, counted };
}
