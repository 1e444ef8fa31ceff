import { afterAll, beforeAll, expect, test } from 'vitest';
import { CLIENTS, type TestClient } from '../support/clients.ts';
import { Operator, startServer, type TestServer } from '../support/server.ts';

/** Many real clients of every era at once, on one tenant. */

const GENEROUS = { rate: 10_000, burst: 100_000 };
const AGENTS = 20;

let server: TestServer;
let operator: Operator;
let agents: TestClient[];

beforeAll(async () => {
  server = await startServer();
  operator = new Operator(server);
  const token = await operator.tenant('team', GENEROUS, { ...GENEROUS, tool: '*' });
  agents = await Promise.all(
    Array.from({ length: AGENTS }, (_, n) => {
      const [, , connect] = CLIENTS[n % CLIENTS.length] ?? CLIENTS[0] ?? [];
      if (connect === undefined) throw new Error('there are no clients');
      return connect(server.url, token);
    }),
  );
});
afterAll(async () => {
  await Promise.all((agents ?? []).map((agent) => agent.close()));
  await server?.stop();
});

type Fields = Record<string, unknown>;

async function call(agent: TestClient, tool: string, args: Fields): Promise<Fields> {
  const result = await agent.call(tool, args);
  if (result.isError === true || result.structuredContent === undefined) {
    throw new Error(`${tool} gave ${JSON.stringify(result)}`);
  }
  return result.structuredContent;
}

/** `count` calls at once, spread over the agents. */
function atOnce(count: number, tool: string, args: (n: number) => Fields): Promise<Fields[]> {
  return Promise.all(
    Array.from({ length: count }, (_, n) => {
      const agent = agents[n % AGENTS];
      if (agent === undefined) throw new Error('there is no such agent');
      return call(agent, tool, args(n));
    }),
  );
}

function agent(n: number): TestClient {
  const found = agents[n];
  if (found === undefined) throw new Error('there is no such agent');
  return found;
}

async function held(key: string): Promise<unknown> {
  const { entries } = await call(agent(0), 'blackboard_read', { key, max_bytes: 100_000 });
  return Array.isArray(entries) ? entries[0]?.value : undefined;
}

test('of 50 writers from the same revision one wins, and 49 are given what it wrote', async () => {
  const first = await call(agent(0), 'blackboard_write', { key: 'race', value: 'start' });
  const outcomes = await atOnce(50, 'blackboard_write', (n) => ({
    key: 'race',
    value: `writer ${n}`,
    if_rev: first.rev,
  }));
  const won = outcomes.filter(({ status }) => status === 'updated');
  const lost = outcomes.filter(({ status }) => status === 'conflict');
  expect([won.length, lost.length]).toEqual([1, 49]);
  const value = await held('race');
  for (const { current } of lost) expect(current).toMatchObject({ value, rev: won[0]?.rev });
});

test('50 increments add 50, and 50 appends 50 items', async () => {
  await atOnce(50, 'blackboard_write', () => ({ key: 'count', mode: 'increment', value: 1 }));
  expect(await held('count')).toBe(50);
  await atOnce(50, 'blackboard_write', (n) => ({ key: 'items', mode: 'append', value: n }));
  const items = await held('items');
  expect(Array.isArray(items) && [...items].sort((a, b) => a - b)).toEqual(
    Array.from({ length: 50 }, (_, n) => n),
  );
});

test('a cell that is deleted and made again never satisfies an old revision', async () => {
  const old = await call(agent(0), 'blackboard_write', { key: 'phoenix', value: 1 });
  await call(agent(1), 'blackboard_delete', { keys: ['phoenix'] });
  await call(agent(2), 'blackboard_write', { key: 'phoenix', value: 1 });
  const late = await call(agent(0), 'blackboard_write', { key: 'phoenix', value: 2, if_rev: old.rev });
  expect(late).toMatchObject({ status: 'conflict', current: { value: 1 } });
});

test('20 agents that claim from 100 items get each item once', async () => {
  for (let page = 0; page < 5; page++) {
    const entries = Array.from({ length: 20 }, (_, n) => ({
      key: `queue/${page * 20 + n}`,
      value: page * 20 + n,
    }));
    await call(agent(0), 'blackboard_write', { run_id: 'work', entries });
  }
  const claimed = await Promise.all(
    agents.map(async (worker, n) => {
      const mine: unknown[] = [];
      for (;;) {
        const claim = await call(worker, 'blackboard_claim', {
          run_id: 'work',
          by: `agent ${n}`,
          prefix: 'queue/',
        });
        if (claim.status === 'none') return mine;
        expect(claim.status).toBe('claimed');
        mine.push(claim.value);
      }
    }),
  );
  expect(claimed.flat().sort((a, b) => Number(a) - Number(b))).toEqual(
    Array.from({ length: 100 }, (_, n) => n),
  );
});

test('of 100 misses at once one gets the lease, and the rest get the answer that its holder sets', async () => {
  const question = { model: 'model-x', prompt: 'What is asked a hundred times at once?' };
  let asked = 0;
  const answers = await Promise.all(
    Array.from({ length: 100 }, async (_, n) => {
      const got = await call(agent(n % AGENTS), 'cache_get', { ...question, lease_s: 30, wait_s: 20 });
      if (got.status === 'hit') return got.response;
      expect(got).toMatchObject({ status: 'miss', lease_id: expect.any(String) });
      asked++;
      await call(agent(n % AGENTS), 'cache_set', { ...question, response: 'once', lease_id: got.lease_id });
      return 'once';
    }),
  );
  expect(asked).toBe(1);
  expect(new Set(answers)).toEqual(new Set(['once']));
});

test('a watcher on one machine is told at once what an agent on another writes', async () => {
  const { head_rev } = await call(agent(0), 'blackboard_watch', { run_id: 'news', since_rev: 0 });
  const watching = Promise.all(
    agents
      .slice(1)
      .map((watcher) =>
        call(watcher, 'blackboard_watch', { run_id: 'news', since_rev: head_rev, wait_s: 20 }),
      ),
  );
  await call(agent(0), 'blackboard_write', { run_id: 'news', key: 'headline', value: 'it happened' });
  for (const { events } of await watching) {
    expect(events).toMatchObject([{ op: 'set', key: 'headline' }]);
  }
});
