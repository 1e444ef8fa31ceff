import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import { openCompartment } from '../support/compartment.ts';
import { TemporaryDirectory } from '../support/local.ts';
import { INITIALIZE, RawProcess } from '../support/local-process.ts';

let directory: TemporaryDirectory;
let processes: RawProcess[] = [];

beforeEach(() => {
  directory = new TemporaryDirectory();
  processes = [];
});
afterEach(async () => {
  for (const { child } of processes) child.kill('SIGKILL');
  await Promise.all(processes.map(({ exited }) => exited));
  directory.remove();
});

function start(args: readonly string[] = ['--data', directory.path]): RawProcess {
  const started = new RawProcess(args);
  processes.push(started);
  return started;
}

const call = (id: number, name: string, args: object) => ({
  id,
  method: 'tools/call',
  params: { name, arguments: args },
});
const increment = (id: number, key = 'sum') =>
  call(id, 'blackboard_write', { key, mode: 'increment', value: 1, run_id: key });
const answerIn = (message: Record<string, unknown>) =>
  Reflect.get(Object(message.result), 'structuredContent');

test('stdout carries JSON-RPC and nothing else, whatever comes in', async () => {
  const server = start(['--data', directory.path, '--verbose']);
  server.send({ id: 1, ...INITIALIZE });
  server.child.stdin?.write('hello\n{"jsonrpc":"2.0"}\n[]\n\n');
  server.send({ method: 'notifications/initialized' }, { method: 'no/such/notification' });
  server.send({ id: 2, method: 'no/such/method' }, call(3, 'blackboard_write', { key: 'k', value: 1 }));
  server.send(call(4, 'blackboard_write', {}), { id: 5, method: 'ping' });
  await server.answerOf(5);
  server.end();
  expect(await server.exited).toEqual({ code: 0, signal: null });
  const messages = server.messages();
  expect(messages.filter(({ id, error }) => id === undefined && error !== undefined)).toHaveLength(3);
  expect(messages.find(({ id }) => id === 2)).toMatchObject({ error: { code: -32601 } });
  expect(answerIn(await server.answerOf(3))).toMatchObject({ status: 'created' });
  const lines = server
    .stderr()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  // With --verbose every call has its line, and the library's warnings are not among them.
  expect(lines.filter(({ tool }) => tool === 'blackboard_write')).toMatchObject([
    { level: 'info', outcome: 'answer', client_name: 'bulkhead-tests', protocol_version: '2025-11-25' },
    { level: 'warn', outcome: 'error' },
  ]);
});

test('a trace that the caller names is continued; a call without one has a trace of its own', async () => {
  const server = start(['--data', directory.path, '--verbose']);
  const traceId = 'ab'.repeat(16);
  const traced = { name: 'tenant_limits', _meta: { traceparent: `00-${traceId}-${'cd'.repeat(8)}-01` } };
  server.send({ id: 1, method: 'tools/call', params: traced });
  server.send(call(2, 'tenant_limits', {}), call(3, 'tenant_limits', {}));
  await server.answerOf(3);
  server.end();
  await server.exited;
  const lines = server
    .stderr()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const traces = lines.filter(({ tool }) => tool === 'tenant_limits').map(({ trace_id }) => trace_id);
  expect(traces[0]).toBe(traceId);
  expect(new Set(traces).size).toBe(3);
});

describe('the end', () => {
  test('of input: what came before is answered, a call that waits too, and all is kept', async () => {
    const server = start();
    for (let id = 1; id <= 20; id++) server.send(increment(id));
    server.send(call(21, 'blackboard_watch', { run_id: 'sum', since_rev: 20, wait_s: 25 }));
    server.end();
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(answerIn(await server.answerOf(20))).toMatchObject({ rev: 20 });
    expect(answerIn(await server.answerOf(21))).toMatchObject({ events: [] });
    expect(server.stderr()).toBe('');
    const db = openDatabase(join(directory.path, 'bulkhead.db'));
    expect(db.exec(`SELECT count(*) AS n FROM records WHERE tool = 'blackboard_write'`)).toEqual([{ n: 20 }]);
    expect(db.exec('SELECT id FROM sessions')).toEqual([]);
    db.close();
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('by %s is like that of input', async (signal) => {
    const server = start();
    server.send(increment(1), call(2, 'blackboard_watch', { since_rev: 9, wait_s: 25 }));
    await server.answerOf(1);
    server.child.kill(signal);
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(server.stderr()).toBe('');
    const db = openDatabase(join(directory.path, 'bulkhead.db'));
    expect(db.exec('SELECT id FROM sessions')).toEqual([]);
    db.close();
  });

  test('of output ends it too', async () => {
    const server = start();
    server.send(increment(1));
    await server.answerOf(1);
    server.child.stdout?.destroy();
    server.send(increment(2));
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });
});

describe('two processes on one data file', () => {
  test('that start at once on a new one both serve', async () => {
    const servers = Array.from({ length: 4 }, () => start());
    for (const server of servers) server.send(increment(1));
    const answers = await Promise.all(servers.map((server) => server.answerOf(1)));
    const revs = answers.map((answer) => Number(answerIn(answer).rev)).sort();
    expect(revs).toEqual([1, 2, 3, 4]);
    const db = openDatabase(join(directory.path, 'bulkhead.db'));
    expect(db.exec('SELECT count(*) AS n FROM tokens')).toEqual([{ n: 1 }]);
    db.close();
  });

  test('count together: no increment is lost, and no revision is given twice', async () => {
    const [one, other] = [start(), start()];
    const ids = Array.from({ length: 25 }, (_, index) => index + 1);
    for (const id of ids) for (const server of [one, other]) server.send(increment(id));
    const answers = await Promise.all([one, other].flatMap((server) => ids.map((id) => server.answerOf(id))));
    const revs = answers.map((answer) => Number(answerIn(answer).rev));
    expect(revs.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    one.send(call(100, 'blackboard_read', { run_id: 'sum', key: 'sum' }));
    expect(answerIn(await one.answerOf(100))).toMatchObject({ entries: [{ value: 50 }] });
  });

  test('one that is killed while it writes leaves the file whole for the other', async () => {
    const [one, other] = [start(), start()];
    one.send({ id: 1000, ...INITIALIZE }, { method: 'notifications/initialized' });
    other.send(increment(1));
    await other.answerOf(1);
    const db = openDatabase(join(directory.path, 'bulkhead.db'));
    const session = () => db.exec('SELECT attached FROM sessions WHERE id LIKE ?', `${one.child.pid}-%`);
    await expect.poll(session).toEqual([{ attached: 1 }]);
    for (let id = 1; id <= 50; id++) one.send(increment(id, 'killed'));
    await one.answerOf(5);
    one.child.kill('SIGKILL');
    expect(await one.exited).toEqual({ code: null, signal: 'SIGKILL' });
    const acknowledged = one.messages().filter(({ id }) => Number(id) <= 50).length;
    other.send(increment(2), call(3, 'blackboard_read', { run_id: 'killed', key: 'killed' }));
    expect(answerIn(await other.answerOf(2))).toMatchObject({ status: 'updated' });
    const [{ value }] = answerIn(await other.answerOf(3)).entries;
    expect(value).toBeGreaterThanOrEqual(acknowledged);
    expect(db.exec('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    // The next process that loads the file releases its session, so that it can be ended when the tenant needs room. The
    // other process does so too, but only if the file has changed since it last read it.
    const next = start();
    next.send(increment(1, 'next'));
    await next.answerOf(1);
    expect(session()).toEqual([{ attached: 0 }]);
    // Last, because its clock is another one than that of the processes, which would find the session expired.
    const records = openCompartment({ db }).compartment.reading.verify();
    expect(records).toMatchObject({ ok: true, value: { broken: undefined, last: expect.any(Number) } });
    db.close();
  });
});

describe('what cannot be served is one line on stderr', () => {
  test.each([
    ['a file', (path: string) => join(path, 'file')],
    ['below a file', (path: string) => join(path, 'file', 'below')],
    ['without a database in it', (path: string) => join(path, 'garbage')],
  ])('--data that is %s', async (_, of) => {
    writeFileSync(join(directory.path, 'file'), '');
    mkdirSync(join(directory.path, 'garbage'));
    writeFileSync(join(directory.path, 'garbage', 'bulkhead.db'), 'this is no database '.repeat(50));
    const data = of(directory.path);
    const server = start(['--data', data]);
    server.send({ id: 1, ...INITIALIZE });
    expect(await server.exited).toEqual({ code: 2, signal: null });
    expect(server.lines).toEqual([]);
    expect(server.stderr()).toMatch(/^The data directory [^\n]+ cannot be used: [^\n]+\.\n$/);
  });

  test('an option that there is not', async () => {
    const server = start(['--dta', directory.path]);
    expect(await server.exited).toEqual({ code: 2, signal: null });
    expect(server.lines).toEqual([]);
    expect(server.stderr()).toMatch(/^[^\n]*--dta[^\n]*\n$/);
  });
});
