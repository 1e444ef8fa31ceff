import { createMcpHandler, type ServerEvent, type ServerEventBus } from '@modelcontextprotocol/server';
import * as z from 'zod';
import type { SessionId } from '../../tenant/contract/call.ts';
import type { ResourceChange } from '../../tenant/streams/stream.ts';
import type { Scope } from '../../tools/tool.ts';
import { firstUris } from '../../transport-tools/cell-uri.ts';
import { streamOpen } from '../../transport-tools/session-open.ts';
import { KEEP_ALIVE_MS } from '../http/event-stream.ts';
import { withOneLineEvents } from '../http/one-line-events.ts';
import { failedCall, internalCall } from '../tenant-client/internal-call.ts';
import type { RequestContext } from '../tenant-client/request-context.ts';
import { StreamRelay } from '../tenant-client/stream-relay.ts';
import { bindServer } from './bind-server.ts';
import { admitFirst } from './dispatch.ts';

/** `subscriptions/listen` of the 2026-07-28 revision: the SDK writes the stream, the tenant supplies the changes. */

/** A client that is further behind than this is disconnected; it can listen again. */
const MAX_BEHIND_BYTES = 1024 * 1024;

const listenRequest = z.object({
  params: z.object({
    notifications: z.object({
      resourcesListChanged: z.boolean().optional(),
      // Any number: the tenant refuses too many.
      resourceSubscriptions: z.array(z.string()).optional(),
    }),
  }),
});

export async function serveListen(context: RequestContext, message: unknown): Promise<Response> {
  const { tenant, principal, request } = context;
  const wanted = listenRequest.safeParse(message).data?.params.notifications;
  const uris = wanted?.resourceSubscriptions ?? [];
  // The SDK answers what is malformed, and what asks for nothing that the tenant has.
  if (wanted === undefined || (uris.length === 0 && wanted.resourcesListChanged !== true))
    return admitFirst(context, ({ scopes }) =>
      listenHandler(context, scopes, undefined).fetch(request, { parsedBody: message }),
    );
  const cells = firstUris(uris);
  const session = crypto.randomUUID() as SessionId;
  const args = { session_id: session, list_changed: wanted.resourcesListChanged === true, cells };
  const opening = internalCall(context, streamOpen, args);
  const relay = await StreamRelay.open(
    tenant,
    { session, purpose: { kind: 'changes' }, opening },
    principal.expiresAt,
  );
  if (!relay.ok) return context.respondRefused(failedCall(context, relay.error));
  const bus = new StreamBus(relay.value);
  const handler = listenHandler(context, relay.value.scopes, bus);
  bus.onEnd = () => void handler.close();
  const honored = cells.map(({ uri }) => uri);
  return withOneLineEvents(
    bus.limit(await handler.fetch(request, { parsedBody: withUris(message, honored) })),
  );
}

/** The request with the URIs under which the client is notified: the SDK acknowledges these, and passes only these. */
function withUris(message: unknown, resourceSubscriptions: readonly string[]): unknown {
  const { params, ...request } = Object(message);
  const notifications = { ...params.notifications, resourceSubscriptions };
  return { ...request, params: { ...params, notifications } };
}

/** One handler for each stream, because the bus belongs to one stream. */
function listenHandler(context: RequestContext, scopes: readonly Scope[], bus: ServerEventBus | undefined) {
  return createMcpHandler(() => context.isolate.serve(bindServer(context, scopes)), {
    legacy: 'reject',
    keepAliveMs: KEEP_ALIVE_MS,
    maxSubscriptions: 1,
    ...(bus === undefined ? {} : { bus }),
  });
}

/** The SDK's event bus of one stream: publishes what the tenant sends, as fast as the client reads. */
class StreamBus implements ServerEventBus {
  readonly #relay: StreamRelay;
  #subscribed = false;
  onEnd = () => {};

  constructor(relay: StreamRelay) {
    this.#relay = relay;
  }

  publish(): void {
    throw new Error('changes are published by the tenant');
  }

  subscribe(listener: (event: ServerEvent) => void): () => void {
    this.#subscribed = true;
    this.#relay.onEvents({
      changes: (changes) => publish(changes, listener),
      message: () => {},
      cancelled: () => {},
      ended: () => this.onEnd(),
    });
    return () => this.#relay.close();
  }

  /** The SDK applies no back-pressure: this ends the stream of a client that does not read it. */
  limit(response: Response): Response {
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

function publish(changes: readonly ResourceChange[], listener: (event: ServerEvent) => void): void {
  for (const { uris, list } of changes) {
    for (const uri of uris) listener({ kind: 'resource_updated', uri });
    if (list) listener({ kind: 'resources_list_changed' });
  }
}
