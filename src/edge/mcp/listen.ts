import { createMcpHandler, type ServerEvent, type ServerEventBus } from '@modelcontextprotocol/server';
import type { Context } from 'hono';
import * as z from 'zod';
import { parseCellUri } from '../../mcp/cell-uri.ts';
import type { SessionId } from '../../tenant/contract/call.ts';
import type { Change } from '../../tenant/streams/listeners.ts';
import { streamOpen } from '../../transport-tools/session-open.ts';
import { httpRefusal, type Refused } from '../auth/authenticate.ts';
import { KEEP_ALIVE_MS } from '../http/event-stream.ts';
import type { AppEnv } from '../http/isolate.ts';
import { callInternal } from '../tenant-client/internal-call.ts';
import { type Asker, createExchange, type Exchange } from '../tenant-client/request-context.ts';
import { StreamRelay } from '../tenant-client/stream-relay.ts';
import { doorOf } from '../tenant-client/tenant-client.ts';

/** How far a slow client can be behind before its stream is ended; it listens again. */
const MAX_BEHIND_BYTES = 1024 * 1024;

/** `subscriptions/listen` of the 2026-07-28 revision: a stream of changes, kept by the SDK, fed by the tenant. */

const filter = z.object({
  params: z.object({
    notifications: z.object({
      resourcesListChanged: z.boolean().optional(),
      // As many as there are: too many are the tenant's to refuse.
      resourceSubscriptions: z.array(z.string()).optional(),
    }),
  }),
});

export async function serveListen(
  c: Context<AppEnv>,
  asker: Asker,
  body: unknown,
): Promise<Response | Refused> {
  const { principal } = asker;
  const admission = await doorOf(c, principal).admit();
  if (!admission.ok) return { refusal: httpRefusal(c, admission.refusal), principal };
  const exchange = createExchange(c, asker, admission.scopes);
  const wanted = filter.safeParse(body).data?.params.notifications;
  const uris = wanted?.resourceSubscriptions ?? [];
  // What is not well-formed, or asks for nothing that the tenant knows of, is for the SDK to answer.
  if (wanted === undefined || (uris.length === 0 && wanted.resourcesListChanged !== true))
    return listenHandler(exchange, undefined).fetch(c.req.raw, { parsedBody: body });
  const cells = uris.flatMap((uri) => {
    const cell = parseCellUri(uri);
    return cell === undefined ? [] : [{ uri, ...cell }];
  });
  const session = crypto.randomUUID() as SessionId;
  const args = { session_id: session, list_changed: wanted.resourcesListChanged === true, cells };
  const refusal = await callInternal(c, principal, streamOpen, args);
  if (refusal !== undefined) return { refusal, principal };
  const relay = await StreamRelay.open(exchange.door, session, { kind: 'changes' }, principal.expiresAt);
  if ('reason' in relay) return { refusal: httpRefusal(c, relay), principal };
  const listening = new Listening(relay);
  const handler = listenHandler(exchange, listening);
  listening.onEnd = () => void handler.close();
  const response = await handler.fetch(c.req.raw, { parsedBody: body });
  return listening.watch(response);
}

/** A handler of its own for each stream: the bus is that stream's. */
function listenHandler(exchange: Exchange, bus: ServerEventBus | undefined) {
  return createMcpHandler(() => exchange.serve(exchange), {
    legacy: 'reject',
    keepAliveMs: KEEP_ALIVE_MS,
    maxSubscriptions: 1,
    ...(bus === undefined ? {} : { bus }),
  });
}

/** The bus of one stream: what the tenant tells goes to the SDK, and no further than the client can follow. */
class Listening implements ServerEventBus {
  readonly #relay: StreamRelay;
  #subscribed = false;
  onEnd = () => {};

  constructor(relay: StreamRelay) {
    this.#relay = relay;
  }

  publish(): void {
    throw new Error('changes come from the tenant');
  }

  subscribe(listener: (event: ServerEvent) => void): () => void {
    this.#subscribed = true;
    this.#relay.hear({
      changes: (changes) => this.#publish(changes, listener),
      message: () => {},
      cancelled: () => {},
      ended: () => this.onEnd(),
    });
    return () => this.#relay.close();
  }

  #publish(changes: readonly Change[], listener: (event: ServerEvent) => void): void {
    for (const { uris, list } of changes) {
      for (const uri of uris) listener({ kind: 'resource_updated', uri });
      if (list) listener({ kind: 'resources_list_changed' });
    }
  }

  /** The SDK knows no back-pressure: whoever does not read what is sent is ended. */
  watch(response: Response): Response {
    if (!this.#subscribed || response.body === null) {
      this.#relay.close();
      return response;
    }
    const reader = response.body.getReader();
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void this.#pump(reader, controller).catch(() => this.#relay.close()),
        cancel: async () => {
          this.#relay.close();
          await reader.cancel();
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: MAX_BEHIND_BYTES }),
    );
    return new Response(body, response);
  }

  async #pump(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    controller: ReadableStreamDefaultController<Uint8Array>,
  ): Promise<void> {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      if ((controller.desiredSize ?? 0) > 0) controller.enqueue(value);
      else this.onEnd();
    }
  }
}
