import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TemporaryDirectory } from '../support/local.ts';
import { STDIO_CLIENTS, type StdioClient } from '../support/local-process.ts';

describe.each(STDIO_CLIENTS)('%s (%s) on a process of its own', (_, version, connect) => {
  let directory: TemporaryDirectory;
  let client: StdioClient;
  let run = 0;
  let board = '';

  beforeAll(async () => {
    directory = new TemporaryDirectory();
    client = await connect(directory.path);
  });
  beforeEach(() => {
    board = `run-${++run}`;
  });
  afterAll(async () => {
    await client.close();
    directory.remove();
  });

  const write = (key: string, value: unknown) =>
    client.call('blackboard_write', { run_id: board, key, value });

  test('speaks its revision and is told of every tool', async () => {
    expect(client.protocolVersion).toBe(version);
    const tools = await client.list();
    expect(tools).toHaveLength(20);
    expect(tools).toContain('blackboard_write');
    expect(tools).not.toContain('session_open');
  });

  test('calls, and is answered in both forms', async () => {
    const written = await write('plan', { step: 1 });
    expect(written.structuredContent).toMatchObject({ status: 'created', key: 'plan' });
    expect(JSON.parse(written.content[0]?.text ?? '')).toEqual(written.structuredContent);
    const read = await client.call('blackboard_read', { run_id: board, key: 'plan' });
    expect(read.structuredContent).toMatchObject({ entries: [{ value: { step: 1 } }] });
  });

  test('is told what is wrong with a call, in a result', async () => {
    const result = await client.call('blackboard_write', { kye: 'plan', value: 1 });
    expect(result).toMatchObject({
      isError: true,
      structuredContent: {
        error: { code: 'invalid_input', trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) },
      },
    });
    await expect(client.call('no_such_tool')).rejects.toThrow(/Unknown tool/);
    await expect(client.call('session_open', {})).rejects.toThrow(/Unknown tool/);
  });

  test('finds cells as resources', async () => {
    await write('team/plan', 'a');
    const uri = `blackboard://${board}/team/plan`;
    expect(await client.listResources()).toContain(uri);
    expect(await client.readResource(uri)).toMatchObject({ uri, text: '"a"' });
    await expect(client.readResource(`blackboard://${board}/none`)).rejects.toThrow();
  });

  test('is told of changes of a cell that it follows, in its own spelling, and of no other', async () => {
    const uri = `blackboard://${board}/team%2Fplan`;
    const stop = await client.follow(uri);
    await write('other', 1);
    await write('team/plan', 1);
    await client.told.until(uri);
    await write('team/plan', 2);
    await client.told.until(uri, 2);
    await client.told.until('list');
    expect(client.told.uris.filter((told) => told !== 'list')).toEqual([uri, uri]);
    await stop();
    const next = `blackboard://${board}/next`;
    const stopNext = await client.follow(next);
    await write('team/plan', 3);
    await write('next', 1);
    await client.told.until(next);
    expect(client.told.uris.filter((told) => told === uri)).toHaveLength(2);
    await stopNext();
  });

  test('cancels a call that waits, and goes on', async () => {
    const cancelled = new AbortController();
    const head = await client.call('blackboard_watch', { run_id: board, since_rev: 0 });
    const since_rev = head.structuredContent?.head_rev;
    const watching = client.call(
      'blackboard_watch',
      { run_id: board, since_rev, wait_s: 25 },
      cancelled.signal,
    );
    await write('before', 1);
    const waiting = client.call(
      'blackboard_watch',
      { run_id: board, since_rev: Number(since_rev) + 1, wait_s: 25 },
      cancelled.signal,
    );
    expect((await watching).structuredContent).toMatchObject({ events: [{ key: 'before' }] });
    cancelled.abort();
    await expect(waiting).rejects.toThrow();
    expect((await write('after', 1)).structuredContent).toMatchObject({ status: 'created' });
  });

  test('is limited, and told how long to wait', async () => {
    const results = await Promise.all(
      Array.from({ length: 200 }, () => client.call('blackboard_list', { run_id: board })),
    );
    const refused = results.filter(({ isError }) => isError);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.structuredContent).toMatchObject({
      error: { code: 'rate_limited', retryable: true, retry_after_ms: expect.any(Number) },
    });
    expect(results.filter(({ isError }) => !isError).length).toBeGreaterThanOrEqual(60);
  });

  test('finds on stderr what was refused, and nothing else', () => {
    const lines = client
      .stderr()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter(({ level }) => level !== 'warn')).toEqual([]);
    expect(lines.find(({ code }) => code === 'invalid_input')).toMatchObject({
      event: 'tool.call',
      tenant: 'local',
      tool: 'blackboard_write',
      protocol_version: version,
    });
  });
});

describe('two clients on one data file', () => {
  let directory: TemporaryDirectory;
  const clients: StdioClient[] = [];

  beforeEach(() => {
    directory = new TemporaryDirectory();
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    directory.remove();
  });

  const pairs = STDIO_CLIENTS.flatMap(([name, , connect], index) => {
    const next = STDIO_CLIENTS.at(index - 1);
    return next === undefined ? [] : [[name, next[0], connect, next[2]] as const];
  });

  test.each(pairs)('what %s writes reaches %s in another process', async (_, __, connect, connectOther) => {
    clients.push(...(await Promise.all([connect(directory.path), connectOther(directory.path)])));
    const [writer, listener] = clients;
    if (writer === undefined || listener === undefined) throw new Error('two clients were connected');
    const uri = 'blackboard://default/plan';
    await listener.follow(uri);
    const watching = listener.call('blackboard_watch', { since_rev: 0, wait_s: 25 });
    await writer.call('blackboard_write', { key: 'plan', value: 1 });
    await listener.told.until(uri);
    await listener.told.until('list');
    expect((await watching).structuredContent).toMatchObject({ events: [{ key: 'plan', rev: 1 }] });
  });
});
