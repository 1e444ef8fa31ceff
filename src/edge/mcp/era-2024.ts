import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/server';
import type { Context } from 'hono';
import type { RequestInfo } from '../../mcp/server-binding.ts';
import { continueTrace, randomHex } from '../../telemetry/trace.ts';
import type { Refusal, SessionId } from '../../tenant/contract/call.ts';
import type { Change } from '../../tenant/streams/listeners.ts';
import { sessionOpen } from '../../transport-tools/session-open.ts';
import { authenticate, httpRefusal, type Refused } from '../auth/authenticate.ts';
import { readJson } from '../http/body.ts';
import { EventStream } from '../http/event-stream.ts';
import { type HttpRefusal, rpcRefusal } from '../http/http-errors.ts';
import { type AppEnv, logRefusal } from '../http/isolate.ts';
import { callInternal } from '../tenant-client/internal-call.ts';
import { createExchange, sessionCancelKey } from '../tenant-client/request-context.ts';
import { StreamRelay } from '../tenant-client/stream-relay.ts';
import { doorOf } from '../tenant-client/tenant-client.ts';
import { hasValidIds, parseMessage } from './message.ts';
import { narrowing } from './tool-filter.ts';

/**
 * The HTTP+SSE transport of the 2024-11-05 revision: the server speaks on `GET /sse`, the client by `POST /messages`.
 * Whichever machine takes a message, the tenant hands it to the one that holds the stream, where the server is.
 */

type Ctx = Context<AppEnv>;
type Serve = (c: Ctx) => Promise<Response | Refused>;

/** Nobody reads it; the status is for the platform's statistics. */
const CLIENT_LEFT = 499;
const SESSION_PARAMETER = 'sessionId';
const MAX_SESSION_CHARS = 64;

/** Answers by `serve`; every refusal is logged. */
const answering =
  (method: 'GET' | 'POST', serve: Serve) =>
  async (c: Ctx): Promise<Response> => {
    const served = c.req.method === method ? await serve(c) : { refusal: onlyBy(method) };
    if (served instanceof Response) return served;
    if (!c.req.raw.bodyUsed) await c.req.raw.body?.cancel();
    logRefusal(c, served.refusal, served.principal);
    return rpcRefusal(served.refusal, c.var.info.trace.traceId);
  };

const onlyBy = (method: string): HttpRefusal => ({
  status: 405,
  code: 'method_not_allowed',
  message: `Only ${method} is served here.`,
  headers: { Allow: `${method}, OPTIONS` },
});

/** `GET /sse` */
export const handleSse = answering('GET', async (c) => {
  const principal = await authenticate(c);
  if ('refusal' in principal) return principal;
  const narrowed = narrowing(c.req.url, c.var.edge.tools);
  if ('status' in narrowed) return { refusal: narrowed, principal };
  const door = doorOf(c, principal);
  const admission = await door.admit();
  if (!admission.ok) return { refusal: httpRefusal(c, admission.refusal), principal };
  const session = crypto.randomUUID() as SessionId;
  const refusal = await callInternal(c, principal, sessionOpen, { session_id: session, kind: 'stream' });
  if (refusal !== undefined) return { refusal, principal };
  const relay = await StreamRelay.open(door, session, { kind: 'changes' }, principal.expiresAt);
  if ('reason' in relay) return { refusal: httpRefusal(c, relay), principal };
  const { signal } = c.req.raw;
  if (signal.aborted) {
    relay.close();
    return new Response(null, { status: CLIENT_LEFT });
  }
  const transport = new SseTransport(signal, relay);
  const exchange = createExchange(c, { principal, ...narrowed, session }, admission.scopes);
  const server = c.var.edge.serve({
    ...exchange,
    arrival: () => arrival(c),
    cancelKey: (id) => sessionCancelKey(session, id),
    get protocolVersion() {
      return transport.protocolVersion;
    },
    refused: (refusal) => endUnlessScope(transport, refusal),
  });
  await server.connect(transport);
  transport.announce(`/messages?${SESSION_PARAMETER}=${session}`);
  return transport.response;
});

/** A message on a stream that is open for long has a trace and an arrival of its own. */
function arrival(c: Ctx): RequestInfo {
  const traceparent = c.req.header('traceparent');
  return { id: randomHex(8), trace: continueTrace(traceparent), receivedAt: Date.now() };
}

/** A token that is no longer good ends the stream that it opened. */
function endUnlessScope(transport: SseTransport, refusal: Refusal): void {
  if (refusal.reason !== 'insufficient_scope' && refusal.reason !== 'unavailable') void transport.close();
}

/** `POST /messages?sessionId=…` */
export const handleMessages = answering('POST', async (c) => {
  const principal = await authenticate(c);
  if ('refusal' in principal) return principal;
  const refuse = (refusal: HttpRefusal) => ({ refusal, principal });
  const session = c.req.query(SESSION_PARAMETER)?.slice(0, MAX_SESSION_CHARS) as SessionId | undefined;
  if (session === undefined)
    return refuse({
      status: 400,
      code: 'invalid_request',
      message: 'sessionId is required; GET /sse names it.',
    });
  const body = await readJson(c.req.raw, c.var.edge.config.maxBodyBytes);
  if (!body.ok) return refuse(body);
  if (parseMessage(body.value) === undefined || !hasValidIds(body.value))
    return refuse({ status: 400, code: 'invalid_request', message: 'The body is not a JSON-RPC message.' });
  const delivery = await doorOf(c, principal).deliver(session, undefined, body.value);
  if (!delivery.ok) return refuse(httpRefusal(c, delivery.refusal));
  if (!delivery.delivered) return refuse(httpRefusal(c, { reason: 'unknown_session' }));
  return new Response('Accepted', { status: 202 });
});

/** One server's connection for as long as the stream is open. */
class SseTransport implements Transport {
  readonly #stream: EventStream;
  readonly #relay: StreamRelay;
  #closed = false;
  protocolVersion: string | undefined;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;

  constructor(signal: AbortSignal, relay: StreamRelay) {
    this.#relay = relay;
    this.#stream = new EventStream(signal, () => void this.close());
  }

  get response(): Response {
    return this.#stream.response;
  }

  /** Tells the client where it sends its messages; nothing is heard before. */
  announce(endpoint: string): void {
    this.#stream.send({ event: 'endpoint', data: endpoint });
    this.#relay.hear({
      changes: (changes) => {
        for (const change of changes) this.#tell(change);
      },
      message: (received) => {
        const message = parseMessage(received);
        if (message !== undefined) this.onmessage?.(message);
      },
      cancelled: () => {},
      ended: () => void this.close(),
    });
  }

  #tell({ uris, list }: Change): void {
    for (const uri of uris)
      this.#write({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } });
    if (list) this.#write({ jsonrpc: '2.0', method: 'notifications/resources/list_changed' });
  }

  #write(message: JSONRPCMessage): void {
    this.#stream.send({ data: JSON.stringify(message) });
  }

  async start(): Promise<void> {}

  async send(message: JSONRPCMessage): Promise<void> {
    this.#write(message);
  }

  setProtocolVersion(version: string): void {
    this.protocolVersion = version;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#relay.close();
    this.#stream.end();
    this.onclose?.();
  }
}
