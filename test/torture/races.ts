import { join } from 'node:path';
import { requestJson } from '../bench/requests.ts';
import { ADMIN_KEY } from '../bench/servers.ts';
import type { RunningWorker } from '../bench/workerd.ts';
import { INITIALIZE, RawProcess } from '../support/local-process.ts';
import { atMost, type Finding } from './finding.ts';
import { Agent, createTenant, operate, type Torture, UNLIMITED } from './rig.ts';

/** Operations that meet: creating and deleting one tenant, revoking during calls, two processes on one file. */

const CALLERS = 8;
const INCREMENTS = 100;
const ADMIN = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };

export async function races({ rig, isShort, random, directory }: Torture): Promise<Finding[]> {
  const worker = await rig.start(UNLIMITED);
  return [
    ...(await createAndDelete(worker, isShort ? 30 : 150)),
    await revokeDuringCalls(worker, isShort ? 10 : 50, () => random.integer(0, 20)),
    await twoProcesses(join(directory, 'shared')),
  ];
}

const admin = (worker: RunningWorker, method: string, path: string, body?: object) =>
  fetch(`${worker.origin}/admin${path}`, {
    method,
    headers: ADMIN,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

/** Afterwards a tenant that lives is listed, and one that is listed lives. */
async function createAndDelete(worker: RunningWorker, races: number): Promise<Finding[]> {
  const broken = { unlisted: 0, listed: 0 };
  for (let race = 0; race < races; race++) {
    const id = `race-${race}`;
    if (race % 2 === 1) await admin(worker, 'POST', '/tenants', { id });
    const both = [
      admin(worker, 'POST', '/tenants', { id }),
      admin(worker, 'DELETE', `/tenants/${id}`),
      admin(worker, 'POST', '/tenants', { id }),
    ];
    const answers = await Promise.all(both);
    await Promise.all(answers.map((answer) => answer.text()));
    if (!(await isListed(worker, id))) broken.unlisted += (await canBeCreated(worker, id)) ? 0 : 1;
    else broken.listed += (await canBeUsed(worker, id)) ? 0 : 1;
  }
  return [
    atMost('bound', { item: `tenants that live unlisted, of ${races} races`, value: broken.unlisted }, 0),
    atMost(
      'bound',
      { item: `tenants that are listed and do not live, of ${races} races`, value: broken.listed },
      0,
    ),
  ];
}

async function isListed(worker: RunningWorker, id: string): Promise<boolean> {
  let cursor = '';
  do {
    const path = `/admin/tenants?limit=100${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
    const page = await requestJson<{ tenants: { id: string }[]; next_cursor?: string }>(
      'GET',
      `${worker.origin}${path}`,
      ADMIN,
    );
    if (page.tenants.some((tenant) => tenant.id === id)) return true;
    cursor = page.next_cursor ?? '';
  } while (cursor !== '');
  return false;
}

/** A tenant that lives cannot be created. */
async function canBeCreated(worker: RunningWorker, id: string): Promise<boolean> {
  const created = await admin(worker, 'POST', '/tenants', { id });
  const answer = await created.text();
  if (created.status !== 201 && created.status !== 409) throw new Error(`${created.status} ${answer}`);
  return created.status === 201;
}

/** Whether a token can be issued and used. */
async function canBeUsed(worker: RunningWorker, id: string): Promise<boolean> {
  const issued = await admin(worker, 'POST', `/tenants/${id}/tokens`, {});
  const { token } = JSON.parse(await issued.text());
  if (!issued.ok) return false;
  const { answer } = await new Agent(worker.origin, token).call('tenant_limits', {});
  return answer !== undefined;
}

/** Calls that are sent after a revocation was answered are refused. */
async function revokeDuringCalls(
  worker: RunningWorker,
  races: number,
  delayMs: () => number,
): Promise<Finding> {
  await createTenant(worker.origin, 'revoking');
  let served = 0;
  for (let race = 0; race < races; race++) {
    const issued = await operate<{ token: string; token_id: string }>(
      worker.origin,
      'POST',
      '/tenants/revoking/tokens',
      {},
    );
    const agent = new Agent(worker.origin, issued.token);
    let isRevoked = false;
    const callers = Array.from({ length: CALLERS }, async (_, caller) => {
      for (let n = 0; n < 1000; n++) {
        const sentAfter = isRevoked;
        const { answer } = await agent.call('blackboard_write', { key: `caller-${caller}`, value: n });
        if (answer === undefined) return;
        if (sentAfter) served++;
      }
    });
    await new Promise((resolve) => setTimeout(resolve, delayMs()));
    await (await admin(worker, 'DELETE', `/tenants/revoking/tokens/${issued.token_id}`)).text();
    isRevoked = true;
    await Promise.all(callers);
  }
  return atMost(
    'bound',
    { item: `calls served after their token was revoked, in ${races} races`, value: served },
    0,
  );
}

/** Two local servers that share a data file increment one cell. */
async function twoProcesses(data: string): Promise<Finding> {
  const processes = [new RawProcess(['--data', data]), new RawProcess(['--data', data])];
  let answered = 0;
  try {
    await Promise.all(
      processes.map(async (process) => {
        process.send({ id: 1, ...INITIALIZE });
        await process.answerOf(1);
        process.send({ method: 'notifications/initialized' });
        for (let n = 0; n < INCREMENTS; ) {
          process.send({
            id: 1000 + answered++,
            method: 'tools/call',
            params: { name: 'blackboard_write', arguments: { key: 'sum', mode: 'increment', value: 1 } },
          });
          n++;
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        process.end();
        await process.exited;
      }),
    );
  } finally {
    for (const { child } of processes) child.kill('SIGKILL');
  }
  const succeeded = processes.reduce(
    (sum, process) => sum + process.messages().filter((message) => isWritten(message)).length,
    0,
  );
  const sum = await sumIn(data);
  const item = `increments lost, of ${succeeded} that two processes on one file were answered`;
  return atMost('bound', { item, value: Math.abs(sum - succeeded) }, 0);
}

const isWritten = (message: Record<string, unknown>) =>
  /"status":"(?:created|updated)"/.test(JSON.stringify(Object(message.result).structuredContent ?? ''));

async function sumIn(data: string): Promise<number> {
  const reader = new RawProcess(['--data', data]);
  reader.send({ id: 1, ...INITIALIZE });
  await reader.answerOf(1);
  reader.send({ method: 'notifications/initialized' });
  reader.send({
    id: 2,
    method: 'tools/call',
    params: { name: 'blackboard_read', arguments: { key: 'sum' } },
  });
  const answer = await reader.answerOf(2);
  reader.end();
  await reader.exited;
  return Object(answer.result).structuredContent.entries[0].value;
}
