/**
 * Runs this project's bridge and `mcp-remote` against the same server, and prints what each does where they may differ.
 * docs/decisions/stdio-bridge.md discusses the result. Run it with `node test/bench/bridges.ts`, which takes two minutes;
 * a word after it runs the scenarios whose names contain it.
 */
import { rmSync } from 'node:fs';
import { event, FakeRemote, refuse, result, stream } from '../support/bridge-rig.ts';
import {
  call,
  connected,
  delay,
  home,
  list,
  MODERN,
  type Name,
  nextStream,
  PATIENCE_MS,
  PROGRAMS,
  Program,
  Remote,
  type Scenario,
  shown,
  subscribe,
  UPDATED,
  URI,
  until,
} from './bridges-rig.ts';

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'start to the answer of initialize': async ({ program }) => {
    const from = Date.now();
    await program.initialize();
    return `${Date.now() - from} ms`;
  },
  'server down at the start': async ({ program, remote }) => {
    await remote.fake.stop();
    const answer = await program.initialize();
    await delay(500);
    return shown(answer, program);
  },
  'token refused at the start': async ({ program, remote }) => {
    remote.authorized = false;
    const answer = await program.initialize();
    await delay(500);
    return `${shown(answer, program)}; ${remote.fake.arrived.all.length} requests`;
  },
  'token revoked later': async (rig) => {
    await connected(rig);
    rig.remote.authorized = false;
    return shown(await rig.program.ask(list(1)), rig.program);
  },
  'session lost, then a request': async (rig) => {
    await connected(rig);
    await rig.program.ask(subscribe);
    rig.remote.sessions.clear();
    const answer = await rig.program.ask(list(1));
    const again = rig.remote.seen('resources/subscribe').length - 1;
    return `${shown(answer, rig.program)}; ${again} of 1 subscription made again, ${rig.program.count(UPDATED)} of 1 reported as changed`;
  },
  'session lost, found by the stream alone': async (rig) => {
    const get = await connected(rig);
    rig.remote.sessions.clear();
    get.response.destroy();
    const again = await nextStream(rig, get);
    return again === undefined ? 'not opened again' : 'opened again';
  },
  'stream broken after event 41': async (rig) => {
    const get = await connected(rig);
    event(get, { method: UPDATED, params: { uri: URI } }, '41');
    await until(() => (rig.program.count(UPDATED) > 0 ? true : undefined));
    get.response.destroy();
    const again = await nextStream(rig, get);
    return again === undefined ? 'not opened again' : `resumed after ${again.headers['last-event-id']}`;
  },
  'stream broken again before the next event': async (rig) => {
    const first = await connected(rig);
    event(first, { method: UPDATED, params: { uri: URI } }, '41');
    await until(() => (rig.program.count(UPDATED) > 0 ? true : undefined));
    first.response.destroy();
    const second = await nextStream(rig, first);
    second?.response.destroy();
    const third = second && (await nextStream(rig, second));
    return third === undefined ? 'not opened again' : `resumed after ${third.headers['last-event-id']}`;
  },
  'stream broken before any event, one subscription': async (rig) => {
    const get = await connected(rig);
    await rig.program.ask(subscribe);
    get.response.destroy();
    await nextStream(rig, get);
    await delay(300);
    return `${rig.program.count(UPDATED)} of 1 resource reported as possibly changed`;
  },
  'server unreachable for 12 s': async (rig) => {
    const get = await connected(rig);
    event(get, { method: UPDATED, params: { uri: URI } }, '41');
    const before = rig.remote.fake.arrived.all.length;
    const answer = rig.remote.fake.answer;
    rig.remote.fake.answer = ({ response }) => response.destroy();
    get.response.destroy();
    await delay(12_000);
    rig.remote.fake.answer = answer;
    const tries = rig.remote.fake.arrived.all.length - before;
    const stream = await nextStream(rig, get, 10_000);
    const later = await rig.program.ask(list(1));
    return `${tries} attempts; ${stream === undefined ? 'stream not opened again' : 'stream opened again'}; then ${shown(later, rig.program)}`;
  },
  'the number 12345678901234567890': async (rig) => {
    await connected(rig);
    const line = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a","arguments":{"n":N}}}\n';
    rig.program.child.stdin.write(line.replace('N', '12345678901234567890'));
    await rig.program.answer(7);
    return `sent as ${/"n":([^}]*)/.exec(rig.remote.seen('tools/call')[0]?.body ?? '')?.[1]}`;
  },
  'a 2026 client: server/discover, headers': async ({ program, remote }) => {
    const answer = await program.ask({ id: 1, method: 'server/discover', params: { _meta: MODERN } });
    const { headers } = remote.seen('server/discover')[0] ?? {};
    return `${shown(answer, program)}; mcp-method: ${headers?.['mcp-method']}`;
  },
  'a 2026 client: subscriptions/listen broken': async ({ program, remote }) => {
    const notifications = { resourceSubscriptions: [URI] };
    remote.other = (arrived) => {
      stream(arrived);
      event(arrived, { method: 'notifications/subscriptions/acknowledged', params: { notifications } });
    };
    program.send({ id: 1, method: 'subscriptions/listen', params: { _meta: MODERN, notifications } });
    const first = await until(() => remote.seen('subscriptions/listen')[0]);
    if (first === undefined) return shown(undefined, program);
    await delay(300);
    first.response.destroy();
    const again = await until(() => remote.seen('subscriptions/listen')[1]);
    await delay(300);
    return `${again === undefined ? 'not asked again' : 'asked again'}, ${program.count(UPDATED)} of 1 reported as changed`;
  },
  'cancel a call (2025)': async (rig) => {
    await connected(rig);
    rig.remote.other = () => {};
    rig.program.send(call(1));
    const waiting = await until(() => rig.remote.seen('tools/call')[0]);
    rig.program.send({ method: 'notifications/cancelled', params: { requestId: 1 } });
    const told = await until(() => rig.remote.seen('notifications/cancelled')[0]);
    const closed = await until(() => (waiting?.closed ? true : undefined), 1500);
    return `server ${told ? 'notified' : 'not notified'}, exchange ${closed ? 'closed' : 'left open'}`;
  },
  'cancel a call (2026)': async ({ program, remote }) => {
    remote.other = () => {};
    program.send({ id: 1, method: 'tools/call', params: { name: 'wait', arguments: {}, _meta: MODERN } });
    const waiting = await until(() => remote.seen('tools/call')[0]);
    program.send({ method: 'notifications/cancelled', params: { requestId: 1 } });
    const closed = await until(() => (waiting?.closed ? true : undefined), 1500);
    return waiting === undefined ? 'never sent' : `exchange ${closed ? 'closed' : 'left open'}`;
  },
  'a line that is not JSON, and a batch': async (rig) => {
    await connected(rig);
    rig.program.child.stdin.write('{\n[{"jsonrpc":"2.0","id":5,"method":"ping"}]\n');
    const [parse, batch] = [await rig.program.answer(null, 1500), await rig.program.answer(5, 1500)];
    return `${shown(parse, rig.program)}; batch: ${shown(batch, rig.program)}`;
  },
  'a request of 9 MiB': async (rig) => {
    await connected(rig);
    const answer = await rig.program.ask(call(3, { text: 'x'.repeat(9 * 1024 * 1024) }));
    const sent = rig.remote.seen('tools/call').length;
    return `${shown(answer, rig.program)}; ${sent} sent`;
  },
  'a redirect to another origin': async ({ program, remote }) => {
    const other = await new FakeRemote().start();
    other.answer = (arrived) => result(arrived, {});
    remote.fake.answer = (arrived) =>
      arrived.response.writeHead(307, { location: other.url.href.replace('127.0.0.1', 'localhost') }).end();
    const answer = await program.initialize();
    const posts = other.arrived.all.filter(({ method }) => method === 'POST');
    const leaked = posts.filter(({ headers }) => headers.authorization !== undefined);
    await other.stop();
    return `${shown(answer, program)}; ${posts.length} messages there, ${leaked.length} with the token`;
  },
  'a client that reads nothing of 200 MB': async (rig) => {
    const get = await connected(rig);
    rig.program.child.stdout.pause();
    let sent = 0;
    let reading = true;
    const text = 'x'.repeat(100_000);
    for (; sent < 200e6 && reading; sent += text.length) {
      if (event(get, { method: 'notifications/message', params: { text } })) continue;
      const drained = new Promise<boolean>((resolve) => get.response.once('drain', () => resolve(true)));
      reading = await Promise.race([drained, delay(3000).then(() => false)]);
    }
    return `the server could send ${(sent / 1e6).toFixed(1)} MB${get.closed ? ', then the stream was closed' : ''}`;
  },
  'one sentence on stderr for a refused call': async (rig) => {
    await connected(rig);
    const before = rig.program.stderr.length;
    rig.remote.other = (arrived) => refuse(arrived, 503, 'unavailable');
    const answer = await rig.program.ask(list(1));
    await delay(200);
    const lines = rig.program.stderr.slice(before).trim().split('\n').length;
    return `${lines} lines; ${shown(answer, rig.program)}`;
  },
  'end of input': async (rig) => {
    await connected(rig);
    rig.program.child.stdin.end();
    const exit = await until(() => rig.program.exit);
    const ended = rig.remote.seen('DELETE').length;
    return `${exit}, session ${ended > 0 ? 'ended' : 'left open'}, ${rig.program.impure} lines on stdout not JSON`;
  },
  SIGTERM: async (rig) => {
    await connected(rig);
    rig.program.child.kill('SIGTERM');
    const exit = await until(() => rig.program.exit);
    return `${exit}, session ${rig.remote.seen('DELETE').length > 0 ? 'ended' : 'left open'}`;
  },
  'the client closes stdout': async (rig) => {
    const get = await connected(rig);
    rig.program.child.stdout.destroy();
    event(get, { method: UPDATED, params: { uri: URI } });
    const { child } = rig.program;
    const code = await until(() => child.exitCode ?? child.signalCode ?? undefined);
    return code === undefined ? `still running after ${PATIENCE_MS / 1000} s` : `exit ${code}`;
  },
};

async function run(name: Name, scenario: Scenario): Promise<string> {
  const remote = new Remote();
  await remote.fake.start();
  const program = new Program(name, remote.fake.url.href);
  try {
    return await scenario({ program, remote }, name);
  } finally {
    await program.kill();
    await remote.fake.stop().catch(() => undefined);
  }
}

const only = process.argv[2] ?? '';
for (const [what, scenario] of Object.entries(SCENARIOS)) {
  if (!what.includes(only)) continue;
  console.log(`\n${what}`);
  for (const name of Object.keys(PROGRAMS) as Name[])
    console.log(
      `  ${name.padEnd(10)} ${await run(name, scenario).catch((error) => `failed: ${error.message}`)}`,
    );
}
rmSync(home, { recursive: true, force: true });
