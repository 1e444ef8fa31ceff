import { expect } from 'vitest';
import { catalogue } from '../../../src/catalogue.ts';
import { listing } from '../../../src/tools/catalogue.ts';
import { VERSION } from '../../../src/version.ts';
import type { CallResult } from '../clients.ts';
import type { Rig } from './access.ts';
import type { ContractClient } from './client.ts';
import { eventually, Heard } from './heard.ts';
import type { Cell, Check } from './table.ts';

/** What every client gets, whatever it speaks and however it comes. */
export const RUN: Readonly<Record<Check, (rig: Rig, cell: Cell) => Promise<void>>> = {
  connect,
  discover,
  list,
  call,
  error,
  limit,
  resource,
  prompt,
  subscribe,
  cancel,
};

const uriOf = (runId: string, key: string) => `blackboard://${runId}/${key}`;

async function connect({ client }: Rig, { revision }: Cell): Promise<void> {
  expect(client.revision).toBe(revision);
  expect(client.server).toMatchObject({ name: 'bulkhead', version: VERSION });
}

async function discover({ client }: Rig, { revision }: Cell): Promise<void> {
  const { versions, capabilities, instructions } = await client.discover();
  expect(versions).toEqual([revision]);
  expect(capabilities).toMatchObject({
    tools: {},
    resources: { subscribe: true, listChanged: true },
    prompts: {},
    completions: {},
  });
  expect(instructions).toContain('rate_limited');
}

async function list({ client }: Rig): Promise<void> {
  const tools = await client.listTools();
  expect(tools).toEqual(catalogue.tools.map(listing));
  const schema = { type: 'object' };
  for (const tool of tools) expect(tool).toMatchObject({ inputSchema: schema, outputSchema: schema });
}

async function call({ client, other }: Rig): Promise<void> {
  const value = { steps: ['a', 2, null], text: 'ä "quoted"' };
  const cell = { run_id: 'call', key: 'plan' };
  expect(answerOf(await client.call('blackboard_write', { ...cell, value }))).toMatchObject({
    status: 'created',
    key: 'plan',
  });
  for (const reader of [client, other]) {
    const read = answerOf(await reader.call('blackboard_read', cell));
    expect(read).toMatchObject({ entries: [{ key: 'plan', found: true, value }] });
  }
}

async function error({ client }: Rig): Promise<void> {
  const wrong = errorOf(await client.call('blackboard_write', { key: 'a', value: 1, ttl: 5 }));
  expect(wrong).toMatchObject({ code: 'invalid_input', field: 'ttl', retryable: false });
  expect(wrong.message).toContain('ttl_s');
  await expect(client.call('no_such_tool')).rejects.toMatchObject({ code: -32602 });
  for (const uri of [uriOf('default', 'none'), 'file:///etc/passwd'])
    await expect(client.readResource(uri)).rejects.toMatchObject({ code: -32602, data: { uri } });
  answerOf(await client.call('tenant_limits'));
}

/** Calls after the bucket was emptied, while it refills, until one is refused. */
const MAX_TRIES = 200;
/** The clocks of two processes on one machine are read in whole milliseconds. */
const CLOCK_MS = 2;

async function limit({ client }: Rig): Promise<void> {
  const name = 'scar_list';
  const { capacity, refill_per_s, remaining: available } = await usedBucketOf(client, name);
  await Promise.all(Array.from({ length: available }, () => client.call(name)));
  let before = Date.now();
  let refused = await client.call(name);
  for (let tries = 1; refused.isError !== true && tries < MAX_TRIES; tries++) {
    before = Date.now();
    refused = await client.call(name);
  }
  const told = errorOf(refused);
  expect(told).toMatchObject({ code: 'rate_limited', retryable: true });
  const { remaining, resets_in_ms } = await usedBucketOf(client, name);
  const elapsed = Date.now() - before;
  // What is left to wait for one call, told by the tool that is free, is what the refusal told less the time since.
  const left = resets_in_ms - ((capacity - 1) * 1000) / refill_per_s;
  expect(Number(told.retry_after_ms) - left).toBeGreaterThanOrEqual(-CLOCK_MS);
  expect(Number(told.retry_after_ms) - left).toBeLessThanOrEqual(elapsed + CLOCK_MS);
  expect(remaining).toBeLessThan(capacity);
  answerOf(await client.call('blackboard_read', { key: 'a' }));
}

async function resource({ client }: Rig): Promise<void> {
  const run_id = 'run 1';
  const entries = ['notes/ä', 'notes/100%'].map((key) => ({ key, value: { key } }));
  answerOf(await client.call('blackboard_write', { run_id, entries }));
  const listed = (await client.listResources()).filter(({ name }) => name.startsWith(`${run_id}/`));
  expect(listed.map(({ uri }) => uri).sort()).toEqual([
    'blackboard://run%201/notes/%C3%A4',
    'blackboard://run%201/notes/100%25',
  ]);
  for (const { uri, name, mimeType } of listed) {
    expect(mimeType).toBe('application/json');
    expect(await client.readResource(uri)).toEqual([JSON.stringify({ key: name.slice(run_id.length + 1) })]);
  }
  expect(await client.listTemplates()).toEqual(['blackboard://{run_id}/{key}']);
}

async function prompt({ client }: Rig): Promise<void> {
  const run_id = 'prompt "1"';
  answerOf(await client.call('blackboard_write', { run_id, key: 'todo/a', value: 1 }));
  expect(await client.listPrompts()).toEqual(['hand_over', 'work_queue', 'debug_failure']);
  const [text] = await client.getPrompt('work_queue', { run_id, prefix: 'todo/' });
  expect(text).toContain(`blackboard_claim ${JSON.stringify({ run_id, prefix: 'todo/' })}`);
  await expect(client.getPrompt('work_queue', {})).rejects.toMatchObject({
    code: -32602,
    message: expect.stringContaining('prefix is required.'),
    data: { missing: ['prefix'] },
  });
  const ref = { type: 'ref/prompt', name: 'work_queue' } as const;
  expect(await client.complete(ref, 'run_id', 'prom')).toEqual([run_id]);
  expect(await client.complete(ref, 'prefix', '', { run_id })).toEqual(['todo/']);
  const template = { type: 'ref/resource', uri: 'blackboard://{run_id}/{key}' } as const;
  expect(await client.complete(template, 'run_id', 'prom')).toEqual([run_id]);
  expect(await client.complete(template, 'key', 'to', { run_id })).toEqual(['todo/a']);
  await expect(client.complete(template, 'kee', '')).rejects.toMatchObject({ code: -32602 });
}

async function subscribe({ client, other }: Rig): Promise<void> {
  const [a, b] = ['a', 'b'].map((key) => uriOf('news', key)) as [string, string];
  let writes = 0;
  const write = async (key: string, by = other) =>
    answerOf(await by.call('blackboard_write', { run_id: 'news', key, value: ++writes }));
  // By itself, so that it is no news to it afterwards.
  await write('a', client);
  await write('b', client);
  const ofA = await client.subscribe(a);
  const ofB = await client.subscribe(b);
  const begun = client.heard.count;
  await write('a');
  await client.heard.until(a, begun);
  await write('c');
  await client.heard.until(Heard.LIST, begun);
  await ofA.end();
  await write('a');
  await write('b');
  await client.heard.until(b, begun);
  await ofB.end();
  const told = client.heard.after(begun).filter((uri) => uri !== Heard.LIST);
  expect(told).toEqual([a, b]);
}

/** Longer than a test waits for anything. */
const WAIT_S = 25;

async function cancel({ client, other, inOrder, lines }: Rig): Promise<void> {
  const name = 'blackboard_watch';
  const { rev } = answerOf(await other.call('blackboard_write', { key: 'cancelled', value: 1 }));
  const before = await missingIn(client, name);
  const leave = new AbortController();
  const args = { run_id: 'nobody', since_rev: rev, wait_s: WAIT_S };
  const ended = client.call(name, args, leave.signal).then(
    (result) => `answered: ${JSON.stringify(result)}`,
    (reason) => `rejected: ${reason}`,
  );
  // A cancellation must not overtake what it cancels.
  if (inOrder) await client.call('tenant_limits');
  else await eventually(async () => expect(await missingIn(client, name)).toBeGreaterThan(before));
  expect(watched(lines())).toEqual([]);
  leave.abort(new Error('no longer wanted'));
  expect(await ended).toMatch(/^rejected: .*no longer wanted/);
  await eventually(() => expect(watched(lines())).toHaveLength(1));
  answerOf(await client.call('blackboard_read', { key: 'cancelled' }));
}

/** The lines of calls that waited. */
const watched = (lines: readonly string[]) => lines.filter((line) => line.includes(`"wait_s":${WAIT_S}`));

/** The answer of a call that must have one, in both its forms. */
function answerOf(result: CallResult): Record<string, unknown> {
  expect(result).not.toHaveProperty('isError', true);
  const { structuredContent = {}, content } = result;
  expect(content).toEqual([{ type: 'text', text: expect.any(String) }]);
  expect(JSON.parse(content[0]?.text ?? '')).toEqual(structuredContent);
  return structuredContent;
}

/** The error of a call that must have failed, in both its forms. */
function errorOf(result: CallResult): Record<string, unknown> {
  expect(result.isError).toBe(true);
  const error = result.structuredContent?.error as Record<string, unknown>;
  expect(result.content).toEqual([{ type: 'text', text: error.message }]);
  expect(error.trace_id).toMatch(/^[0-9a-f]{32}$/);
  return error;
}

interface Bucket {
  readonly tool?: string;
  readonly remaining: number;
  readonly capacity: number;
  readonly refill_per_s: number;
  readonly resets_in_ms: number;
}

/** How full a tool's bucket is, which costs nothing to ask; undefined if it is full. */
async function bucketOf(client: ContractClient, name: string): Promise<Bucket | undefined> {
  const { limits } = answerOf(await client.call('tenant_limits'));
  return (limits as Bucket[]).find(({ tool }) => tool === name);
}

/** How much a tool's bucket lacks. */
async function missingIn(client: ContractClient, name: string): Promise<number> {
  const { capacity, remaining } = (await bucketOf(client, name)) ?? { capacity: 0, remaining: 0 };
  return capacity - remaining;
}

/** A tool's bucket; it is used first if it is full. */
async function usedBucketOf(client: ContractClient, name: string): Promise<Bucket> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const bucket = await bucketOf(client, name);
    if (bucket !== undefined) return bucket;
    await client.call(name);
  }
  throw new Error(`${name} is never used`);
}
