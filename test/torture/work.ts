import { setTimeout as sleep } from 'node:timers/promises';
import { peakMiB, residentMiB } from '../bench/machine.ts';
import { quantile } from '../bench/statistics.ts';
import { Child } from './child.ts';
import { atMost, type Finding } from './finding.ts';
import { fillTenant, type HeavyRequest, heavyRequests, MAX_REQUEST_BYTES } from './heavy-requests.ts';
import type { ProbeReport, ProbeTask } from './probe.ts';
import { Agent, issueToken, newAgent, type Torture, UNLIMITED } from './rig.ts';

/** How long one accepted request holds a tenant, how much it is answered, and what that costs in memory. */

const MAX_HOLD_MS = 100;
const MAX_ANSWER_MIB = 8;
/** Headers of JSON-RPC around an answer that is as large as may be. */
const ENVELOPE_MIB = 0.1;
const MAX_GROWTH_MIB = 128;
const SETTLE_MS = 30;
const MIB = 1024 * 1024;

export async function work({ rig, isShort }: Torture): Promise<Finding[]> {
  const worker = await rig.start(UNLIMITED);
  const agent = await newAgent(worker, 'worked');
  const prober = new Agent(worker.origin, await issueToken(worker.origin, 'worked'));
  await fillTenant(agent);
  const { rev } = await agent.ok('blackboard_write', { key: 'last', value: 1 });
  const before = residentMiB(worker.pid);
  const probe = new Child<ProbeReport>('probe.ts', { ...prober } satisfies ProbeTask);
  try {
    await sleep(500);
    const { median } = await probe.ask();
    const tries = isShort ? 1 : 5;
    const measured: Measured[] = [];
    for (const request of heavyRequests(Number(rev)))
      measured.push(await measure(agent, probe, request, request.repeats ? tries : 1));
    return report(measured, median, { before, peak: peakMiB(worker.pid) });
  } finally {
    await probe.stop();
  }
}

interface Measured {
  readonly item: string;
  /** Milliseconds: the longest call of another token meanwhile. */
  readonly held: number;
  readonly answerMiB: number;
}

async function measure(
  agent: Agent,
  probe: Child<ProbeReport>,
  request: HeavyRequest,
  tries: number,
): Promise<Measured> {
  if (request.body.length > MAX_REQUEST_BYTES)
    throw new Error(`${request.item} has ${request.body.length} bytes`);
  const held: number[] = [];
  let answer = new Uint8Array();
  let status = 0;
  for (let n = 0; n < tries; n++) {
    await probe.ask();
    const version = request.isBatch ? { 'mcp-protocol-version': '2025-03-26' } : {};
    const response = await fetch(`${agent.origin}/mcp`, {
      method: 'POST',
      headers: { ...agent.headers(), ...version },
      body: request.body,
    });
    status = response.status;
    answer = new Uint8Array(await response.arrayBuffer());
    held.push((await probe.ask()).longest);
    await sleep(SETTLE_MS);
  }
  return {
    item: `${request.item} (${outcomeOf(status, answer)})`,
    held: quantile(held, 0.5),
    answerMiB: answer.byteLength / MIB,
  };
}

/** How it was answered, in a word: a request that is refused at once proves nothing. */
function outcomeOf(status: number, answer: Uint8Array): string {
  const text = new TextDecoder().decode(answer);
  const codes = [...text.matchAll(/"error":\{"code":"?([\w-]+)/g)].map(([, code]) => code ?? '');
  const kinds = [...new Set(codes)].map(
    (code) => `${codes.filter((other) => other === code).length} ${code}`,
  );
  return [String(status), ...kinds].join(', ');
}

function report(
  measured: readonly Measured[],
  median: number,
  memory: { readonly before: number; readonly peak: number },
): Finding[] {
  const holds = measured
    .toSorted((a, b) => b.held - a.held)
    .map(({ item, held }) =>
      atMost('aim', { item: `held by ${item}`, value: Math.round(held), unit: 'ms' }, MAX_HOLD_MS),
    );
  const answers = measured
    .toSorted((a, b) => b.answerMiB - a.answerMiB)
    .filter(({ answerMiB }, index) => index === 0 || answerMiB > MAX_ANSWER_MIB + ENVELOPE_MIB)
    .map(({ item, answerMiB }) =>
      atMost(
        'bound',
        { item: `answer to ${item}`, value: answerMiB, unit: 'MiB' },
        MAX_ANSWER_MIB + ENVELOPE_MIB,
      ),
    );
  const growth = memory.peak - memory.before;
  return [
    atMost(
      'aim',
      { item: 'a small call meanwhile, when nothing else runs', value: median, unit: 'ms' },
      MAX_HOLD_MS,
    ),
    ...holds,
    ...answers,
    atMost(
      'aim',
      {
        item: `memory above the ${Math.round(memory.before)} MiB after filling`,
        value: Math.round(growth),
        unit: 'MiB',
      },
      MAX_GROWTH_MIB,
    ),
  ];
}
