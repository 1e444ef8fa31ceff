import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { type StreamHandler, StreamRelay } from '../../src/edge/tenant-client/stream-relay.ts';
import type { OpenedStream, TenantClient } from '../../src/edge/tenant-client/tenant-client.ts';
import { fail, type Result, succeed } from '../../src/result.ts';
import type {
  Admission,
  Refusal,
  SessionId,
  StreamFailure,
  TokenId,
} from '../../src/tenant/contract/call.ts';
import { STREAM_ENDS, type StreamEvent, type StreamPurpose } from '../../src/tenant/streams/stream.ts';
import { closeCodeOf, encodeStreamRequest } from '../../src/tenant/streams/stream-protocol.ts';
import { HttpTenant } from '../support/http.ts';
import { write } from '../support/resources.ts';
import { eventually, Heard, soon } from '../support/streams-heard.ts';
import { inSession, openSession } from '../support/streams-worker.ts';

const SESSION = 'session' as SessionId;
const FAR = Date.now() + 86_400_000;
const LOST = 1011;

function ends(): { edge: WebSocket; tenant: WebSocket } {
  const [edge, tenant] = Object.values(new WebSocketPair());
  if (edge === undefined || tenant === undefined) throw new Error('a WebSocket has two ends');
  tenant.accept();
  return { edge, tenant };
}

/** A client of a tenant that opens the given streams, one after another, and does nothing else. */
class StreamsOnly implements TenantClient {
  readonly asked = new Heard<StreamPurpose>();
  /** When the token ends, as the tenant says when the stream is opened. */
  expiresAt = FAR;
  /** The same, as the tenant says when it is asked again later. */
  readonly laterEnds: number[] = [];
  readonly #answers: (WebSocket | Refusal | (() => Promise<WebSocket>))[];

  constructor(...answers: (WebSocket | Refusal | (() => Promise<WebSocket>))[]) {
    this.#answers = answers;
  }

  async openStream({ purpose }: { purpose: StreamPurpose }): Promise<Result<OpenedStream, StreamFailure>> {
    this.asked.push(purpose);
    const answer = this.#answers.shift();
    if (answer === undefined) throw new Error('no further stream was expected');
    const socket = typeof answer === 'function' ? await answer() : answer;
    return 'reason' in socket
      ? fail({ kind: 'refused', refusal: socket })
      : succeed({ socket, holdsCalls: false, scopes: [], expiresAt: this.expiresAt });
  }

  async admit(): Promise<Result<Admission, Refusal>> {
    const expiresAt = this.laterEnds.shift();
    return expiresAt === undefined
      ? fail({ reason: 'invalid_token' })
      : succeed({
          scopes: [],
          expiresAt,
          isGrant: true,
          justRefreshed: false,
          tools: undefined,
          person: undefined,
          holdsCalls: false,
          session: undefined,
          newest: { rev: 0, record: 0 },
        });
  }

  call = unexpected;
  follow = unexpected;
  completeRemoteCall = unexpected;
  cancel = unexpected;
  deliver = unexpected;
}

function unexpected(): never {
  throw new Error('a relay only opens streams');
}

/** What a relay hears, in short: revisions, messages, and `ended`. */
function recorder(): StreamHandler & { heard: Heard<unknown> } {
  const heard = new Heard<unknown>();
  return {
    heard,
    changes: (changes) => heard.push(...changes.map(({ rev }) => rev)),
    message: (message) => heard.push(message),
    cancelled: () => heard.push('cancelled'),
    ended: () => heard.push('ended'),
  };
}

const tell = (tenant: WebSocket, event: StreamEvent) => tenant.send(JSON.stringify(event));
const changed = (rev: number): StreamEvent => ({
  kind: 'changes',
  rev,
  changes: [{ rev, uris: ['blackboard://default/a'], list: false }],
});

async function opened(client: TenantClient): Promise<StreamRelay> {
  const relay = await StreamRelay.open(client, { session: SESSION, purpose: { kind: 'changes' } });
  if (!relay.ok) throw new Error(relay.error.kind);
  return relay.value;
}

describe('a relay', () => {
  test('that breaks is made again from the last revision that it heard of', async () => {
    const [first, second, third] = [ends(), ends(), ends()];
    const client = new StreamsOnly(first.edge, second.edge, third.edge);
    const handler = recorder();
    (await opened(client)).onEvents(handler);
    tell(first.tenant, changed(7));
    tell(first.tenant, { kind: 'changes', rev: 300, changes: [] });
    await handler.heard.until((all) => all.includes(7));
    first.tenant.close(LOST);
    await client.asked.until((all) => all.length === 2);
    tell(second.tenant, changed(301));
    await handler.heard.until((all) => all.includes(301));
    second.tenant.close(LOST);
    await client.asked.until((all) => all.length === 3);
    expect(client.asked.all.slice(1)).toEqual([
      { kind: 'changes', since: 300 },
      { kind: 'changes', since: 301 },
    ]);
    expect(handler.heard.all).toEqual([7, 301]);
  });

  test('hears what came before anybody listened, in order', async () => {
    const { edge, tenant } = ends();
    const relay = await opened(new StreamsOnly(edge));
    tell(tenant, changed(1));
    tell(tenant, { kind: 'message', message: { id: 1 } });
    tell(tenant, changed(2));
    const handler = recorder();
    relay.onEvents(handler);
    await handler.heard.until((all) => all.length === 3);
    expect(handler.heard.all).toEqual([1, { id: 1 }, 2]);
    relay.close();
  });

  test('that nobody hears keeps so much and no more', async () => {
    const { edge, tenant } = ends();
    const relay = await opened(new StreamsOnly(edge));
    const closed = new Promise<void>((resolve) => tenant.addEventListener('close', () => resolve()));
    for (let rev = 1; rev <= 257; rev++) tell(tenant, changed(rev));
    await soon(closed, 'the end of the relay');
    const handler = recorder();
    relay.onEvents(handler);
    expect(handler.heard.all.at(-1)).toBe('ended');
  });

  test.each(STREAM_ENDS)('that its tenant ends as %s is not made again', async (end) => {
    const { edge, tenant } = ends();
    const client = new StreamsOnly(edge);
    const handler = recorder();
    (await opened(client)).onEvents(handler);
    tenant.close(closeCodeOf(end));
    await handler.heard.until((all) => all.length > 0);
    expect(handler.heard.all).toEqual(['ended']);
    expect(client.asked.all).toHaveLength(1);
  });

  test('ends when its token expires, and closes its end', async () => {
    const { edge, tenant } = ends();
    const handler = recorder();
    const code = new Promise((resolve) => tenant.addEventListener('close', (event) => resolve(event.code)));
    const client = new StreamsOnly(edge);
    client.expiresAt = Date.now() + 30;
    (await opened(client)).onEvents(handler);
    await handler.heard.until((all) => all.includes('ended'));
    expect(await soon(code, 'the close')).toBe(1000);
  });

  test('lives on with a grant that was refreshed meanwhile, until the grant ends', async () => {
    const { edge } = ends();
    const handler = recorder();
    const client = new StreamsOnly(edge);
    client.expiresAt = Date.now();
    client.laterEnds.push(Date.now() + 30);
    (await opened(client)).onEvents(handler);
    await handler.heard.until((all) => all.includes('ended'));
    expect(client.laterEnds).toEqual([]);
  });

  test('tries again while its tenant cannot be reached, and ends when it is refused', async () => {
    const [first, second] = [ends(), ends()];
    const client = new StreamsOnly(
      first.edge,
      { reason: 'unavailable' },
      { reason: 'unavailable' },
      second.edge,
      { reason: 'invalid_token' },
    );
    const handler = recorder();
    (await opened(client)).onEvents(handler);
    first.tenant.close(LOST);
    await client.asked.until((all) => all.length === 4);
    tell(second.tenant, changed(1));
    await handler.heard.until((all) => all.includes(1));
    second.tenant.close(LOST);
    await handler.heard.until((all) => all.includes('ended'));
    expect(handler.heard.all).toEqual([1, 'ended']);
    expect(client.asked.all).toHaveLength(5);
  });

  test('that is closed while it is made again leaves nothing open', async () => {
    const [first, second] = [ends(), ends()];
    const { promise: mayOpen, resolve: open } = Promise.withResolvers<void>();
    const client = new StreamsOnly(first.edge, async () => {
      await mayOpen;
      return second.edge;
    });
    const closed = new Promise<void>((resolve) => second.tenant.addEventListener('close', () => resolve()));
    const relay = await opened(client);
    const handler = recorder();
    relay.onEvents(handler);
    first.tenant.close(LOST);
    await client.asked.until((all) => all.length === 2);
    relay.close();
    open();
    await soon(closed, 'the close of the second');
    expect(handler.heard.all).toEqual([]);
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
    const purpose = client.asked.all.at(-1) ?? { kind: 'changes' };
    const request = encodeStreamRequest({ tokenId: tenant.tokenId as TokenId, session, purpose });
    if (request === undefined) throw new Error('the request is too large');
    const { webSocket } = await stub.fetch(request);
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
  const client: StreamsOnly = new StreamsOnly(connect, connect);
  const relay = await opened(client);
  const handler = recorder();
  relay.onEvents(handler);
  losing = true;
  const { structuredContent } = await write(tenant, 'a', 1);
  await dropped.until((all) => all.length > 0);
  breakIt();
  losing = false;
  const attached = async () => (await stub.describe()).ok && client.asked.all.length >= 2;
  await eventually(attached, (is) => is);
  const { structuredContent: next } = await write(tenant, 'a', 2);
  await handler.heard.until((all) => all.includes(next.rev));
  expect(handler.heard.all).toEqual([structuredContent.rev, next.rev]);
  relay.close();
});
