import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { type StreamHandler, StreamRelay } from '../../src/edge/tenant-client/stream-relay.ts';
import type { TenantClient } from '../../src/edge/tenant-client/tenant-client.ts';
import type { Refusal, SessionId, TokenId } from '../../src/tenant/contract/call.ts';
import { askForStream } from '../../src/tenant/streams/durable-listener.ts';
import {
  type Notice,
  STREAM_ENDS,
  type StreamEnd,
  type StreamPurpose,
} from '../../src/tenant/streams/listeners.ts';
import { HttpTenant } from '../support/http.ts';
import { write } from '../support/resources.ts';
import { eventually, Heard, soon } from '../support/streams-heard.ts';
import { inSession, openSession } from '../support/streams-worker.ts';

const SESSION = 'session' as SessionId;
const FAR = Date.now() + 86_400_000;
const LOST = 1011;
const codeOf = (end: StreamEnd) => 4000 + STREAM_ENDS.indexOf(end);

function ends(): { edge: WebSocket; tenant: WebSocket } {
  const [edge, tenant] = Object.values(new WebSocketPair());
  if (edge === undefined || tenant === undefined) throw new Error('a WebSocket has two ends');
  tenant.accept();
  return { edge, tenant };
}

/** A door that gives out streams, one after another, and nothing else. */
class StreamDoor implements TenantClient {
  readonly asked = new Heard<StreamPurpose>();
  readonly #answers: (WebSocket | Refusal | (() => Promise<WebSocket>))[];

  constructor(...answers: (WebSocket | Refusal | (() => Promise<WebSocket>))[]) {
    this.#answers = answers;
  }

  async listen(_session: SessionId, purpose: StreamPurpose): Promise<WebSocket | Refusal> {
    this.asked.push(purpose);
    const answer = this.#answers.shift();
    if (answer === undefined) throw new Error('nobody said what to answer');
    return typeof answer === 'function' ? answer() : answer;
  }

  admit = unexpected;
  call = unexpected;
  settle = unexpected;
  cancel = unexpected;
  deliver = unexpected;
}

function unexpected(): never {
  throw new Error('a relay listens, and does nothing else');
}

/** What a relay hears, in short: revisions, messages, and `ended`. */
function purpose(): StreamHandler & { heard: Heard<unknown> } {
  const heard = new Heard<unknown>();
  return {
    heard,
    changes: (changes) => heard.push(...changes.map(({ rev }) => rev)),
    message: (message) => heard.push(message),
    cancelled: () => heard.push('cancelled'),
    ended: () => heard.push('ended'),
  };
}

const tell = (tenant: WebSocket, notice: Notice) => tenant.send(JSON.stringify(notice));
const changed = (rev: number): Notice => ({
  kind: 'changes',
  rev,
  changes: [{ rev, uris: ['blackboard://default/a'], list: false }],
});

async function opened(
  door: TenantClient,
  expiresAt = FAR,
  what: StreamPurpose = { kind: 'changes' },
): Promise<StreamRelay> {
  const relay = await StreamRelay.open(door, SESSION, what, expiresAt);
  if ('reason' in relay) throw new Error(relay.reason);
  return relay;
}

describe('a relay', () => {
  test('that breaks is made again from the last revision that it heard of', async () => {
    const [first, second, third] = [ends(), ends(), ends()];
    const door = new StreamDoor(first.edge, second.edge, third.edge);
    const hearer = purpose();
    (await opened(door)).hear(hearer);
    tell(first.tenant, changed(7));
    tell(first.tenant, { kind: 'changes', rev: 300, changes: [] });
    await hearer.heard.until((all) => all.includes(7));
    first.tenant.close(LOST);
    await door.asked.until((all) => all.length === 2);
    tell(second.tenant, changed(301));
    await hearer.heard.until((all) => all.includes(301));
    second.tenant.close(LOST);
    await door.asked.until((all) => all.length === 3);
    expect(door.asked.all.slice(1)).toEqual([
      { kind: 'changes', since: 300 },
      { kind: 'changes', since: 301 },
    ]);
    expect(hearer.heard.all).toEqual([7, 301]);
  });

  test('hears what came before anybody listened, in order', async () => {
    const { edge, tenant } = ends();
    const relay = await opened(new StreamDoor(edge));
    tell(tenant, changed(1));
    tell(tenant, { kind: 'message', message: { id: 1 } });
    tell(tenant, changed(2));
    const hearer = purpose();
    relay.hear(hearer);
    await hearer.heard.until((all) => all.length === 3);
    expect(hearer.heard.all).toEqual([1, { id: 1 }, 2]);
    relay.close();
  });

  test('that nobody hears keeps so much and no more', async () => {
    const { edge, tenant } = ends();
    const relay = await opened(new StreamDoor(edge));
    const closed = new Promise<void>((resolve) => tenant.addEventListener('close', () => resolve()));
    for (let rev = 1; rev <= 257; rev++) tell(tenant, changed(rev));
    await soon(closed, 'the end of the relay');
    const hearer = purpose();
    relay.hear(hearer);
    expect(hearer.heard.all.at(-1)).toBe('ended');
  });

  test.each(STREAM_ENDS)('that its tenant ends as %s is not made again', async (end) => {
    const { edge, tenant } = ends();
    const door = new StreamDoor(edge);
    const hearer = purpose();
    (await opened(door)).hear(hearer);
    tenant.close(codeOf(end));
    await hearer.heard.until((all) => all.length > 0);
    expect(hearer.heard.all).toEqual(['ended']);
    expect(door.asked.all).toHaveLength(1);
  });

  test('ends when its token expires, and closes its end', async () => {
    const { edge, tenant } = ends();
    const hearer = purpose();
    const code = new Promise((resolve) => tenant.addEventListener('close', (event) => resolve(event.code)));
    (await opened(new StreamDoor(edge), Date.now() + 30)).hear(hearer);
    await hearer.heard.until((all) => all.includes('ended'));
    expect(await soon(code, 'the close')).toBe(1000);
  });

  test('tries again while its tenant cannot be reached, and ends when it is refused', async () => {
    const [first, second] = [ends(), ends()];
    const door = new StreamDoor(
      first.edge,
      { reason: 'unavailable' },
      { reason: 'unavailable' },
      second.edge,
      { reason: 'invalid_token' },
    );
    const hearer = purpose();
    (await opened(door)).hear(hearer);
    first.tenant.close(LOST);
    await door.asked.until((all) => all.length === 4);
    tell(second.tenant, changed(1));
    await hearer.heard.until((all) => all.includes(1));
    second.tenant.close(LOST);
    await hearer.heard.until((all) => all.includes('ended'));
    expect(hearer.heard.all).toEqual([1, 'ended']);
    expect(door.asked.all).toHaveLength(5);
  });

  test('that is closed while it is made again leaves nothing open', async () => {
    const [first, second] = [ends(), ends()];
    const { promise: mayOpen, resolve: open } = Promise.withResolvers<void>();
    const door = new StreamDoor(first.edge, async () => {
      await mayOpen;
      return second.edge;
    });
    const closed = new Promise<void>((resolve) => second.tenant.addEventListener('close', () => resolve()));
    const relay = await opened(door);
    const hearer = purpose();
    relay.hear(hearer);
    first.tenant.close(LOST);
    await door.asked.until((all) => all.length === 2);
    relay.close();
    open();
    await soon(closed, 'the close of the second');
    expect(hearer.heard.all).toEqual([]);
  });
});

test('what was on its way when the first connection broke is told by the second', async () => {
  const tenant = await HttpTenant.create();
  const session = (await openSession(tenant)) as SessionId;
  const uri = 'blackboard://default/a';
  await (await tenant.rpc('resources/subscribe', { uri }, inSession(session))).text();
  const stub = env.TENANTS.getByName(tenant.id);
  const dropped = new Heard<string>();
  let losing = false;
  let breakIt = () => {};
  const connect = async (): Promise<WebSocket> => {
    const ask = askForStream(
      tenant.tokenId as TokenId,
      session,
      door.asked.all.at(-1) ?? { kind: 'changes' },
    );
    const { webSocket } = await stub.fetch(ask);
    if (webSocket === null) throw new Error('no stream');
    const { edge, tenant: relayed } = ends();
    webSocket.addEventListener('message', ({ data }) => {
      // Whatever else the tenant says meanwhile gets through.
      if (losing && JSON.parse(String(data)).changes.length > 0) dropped.push(String(data));
      else relayed.send(data);
    });
    webSocket.accept();
    breakIt = () => {
      webSocket.close(LOST);
      relayed.close(LOST);
    };
    return edge;
  };
  const door: StreamDoor = new StreamDoor(connect, connect);
  const relay = await opened(door);
  const hearer = purpose();
  relay.hear(hearer);
  losing = true;
  const { structuredContent } = await write(tenant, 'a', 1);
  await dropped.until((all) => all.length > 0);
  breakIt();
  losing = false;
  const attached = async () => (await stub.describe()).ok && door.asked.all.length >= 2;
  await eventually(attached, (is) => is);
  const { structuredContent: next } = await write(tenant, 'a', 2);
  await hearer.heard.until((all) => all.includes(next.rev));
  expect(hearer.heard.all).toEqual([structuredContent.rev, next.rev]);
  relay.close();
});
