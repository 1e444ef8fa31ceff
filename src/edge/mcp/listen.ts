import { createMcpHandler, type ServerEvent, type ServerEventBus } from '@modelcontextprotocol/server';
import * as z from 'zod';
import { offersResources } from '../../mcp/published-tools.ts';
import type { SessionId } from '../../tenant/contract/call.ts';
import type { ResourceChange } from '../../tenant/streams/stream.ts';
import { firstUris } from '../../transport-tools/cell-uri.ts';
import { RESOURCE_TOOL } from '../../transport-tools/covered-by.ts';
import { streamOpen } from '../../transport-tools/session-open.ts';
import { KEEP_ALIVE_MS } from '../http/event-stream.ts';
import { withOneLineEvents } from '../http/one-line-events.ts';
import { failedCall, internalCall } from '../tenant-client/internal-call.ts';
import type { RequestContext } from '../tenant-client/request-context.ts';
import { StreamRelay } from '../tenant-client/stream-relay.ts';
import { bindServer } from './bind-server.ts';
import { admitUncalled } from './dispatch.ts';
import { idOf } from './message.ts';

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

/** The SDK checks the request first, so that no stream is opened for one that it refuses. */
export async function serveListen(context: RequestContext, message: unknown): Promise<Response> {
  const { request, protocolErrors, arrival } = context;
  const wanted = listenRequest.safeParse(message).data?.params.notifications;
  const uris = wanted?.resourceSubscriptions ?? [];
  const bus = new StreamBus();
  const handler = listenHandler(context, bus);
  const cells = firstUris(uris);
  const honored = cells.map(({ uri }) => uri);
  const parsedBody = uris.length === 0 ? message : withUris(message, honored);
  const response = await handler.fetch(request, { parsedBody });
  const isStream = response.headers.get('content-type') === 'text/event-stream';
  if (!isStream)
    return admitUncalled(context, await protocolErrors.completeError(response, arrival, idOf(message)));
  // Other notifications exist in the protocol, but this server sends none of them.
  if (wanted === undefined || (uris.length === 0 && wanted.resourcesListChanged !== true))
    return admitUncalled(context, response);
  if (!offersResources(context.toolFilter)) {
    await response.body?.cancel();
    return context.deny({ reason: 'tool_not_allowed', tool: RESOURCE_TOOL });
  }
  bus.onEnd = () => void handler.close();
  const relay = await openRelay(context, cells, wanted.resourcesListChanged === true);
  if (!relay.ok) {
    await response.body?.cancel();
    return context.respondRefused(failedCall(context, relay.error));
  }
  bus.connect(relay.value);
  return withOneLineEvents(bus.limit(response, relay.value));
}

/** The request with the URIs under which the client is notified: the SDK acknowledges these, and passes only these. */
function withUris(message: unknown, resourceSubscriptions: readonly string[]): unknown {
  const { params, ...request } = Object(message);
  const notifications = { ...params.notifications, resourceSubscriptions };
  return { ...request, params: { ...params, notifications } };
}

function openRelay(context: RequestContext, cells: ReturnType<typeof firstUris>, list_changed: boolean) {
  const session = crypto.randomUUID() as SessionId;
  const opening = internalCall(context, streamOpen, { session_id: session, list_changed, cells });
  const stream = { session, purpose: { kind: 'changes' }, opening } as const;
  return StreamRelay.open(context.tenant, stream);
}

/** One handler for each stream, because the bus belongs to one stream. */
function listenHandler(context: RequestContext, bus: ServerEventBus) {
  return createMcpHandler(() => context.isolate.serve(bindServer(context, [])), {
    legacy: 'reject',
    keepAliveMs: KEEP_ALIVE_MS,
    maxSubscriptions: 1,
    bus,
  });
}

/** The SDK's event bus of one stream: publishes what the tenant sends, as fast as the client reads. */
class StreamBus implements ServerEventBus {
  #listener: ((event: ServerEvent) => void) | undefined;
  #relay: StreamRelay | undefined;
  onEnd = () => {};

  publish(): void {
    throw new Error('changes are published by the tenant');
  }

  subscribe(listener: (event: ServerEvent) => void): () => void {
    this.#listener = listener;
    return () => this.#relay?.close();
  }

  /** Passes the tenant's changes on to the SDK. */
  connect(relay: StreamRelay): void {
    this.#relay = relay;
    relay.onEvents({
      changes: (changes) => publish(changes, (event) => this.#listener?.(event)),
      message: () => {},
      cancelled: () => {},
      ended: () => this.onEnd(),
    });
  }

  /** The SDK applies no back-pressure: this ends the stream of a client that does not read it. */
  limit(response: Response, relay: StreamRelay): Response {
    if (response.body === null) {
      relay.close();
      return response;
    }
    const reader = response.body.getReader();
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void this.#pump(reader, controller).catch(() => relay.close()),
        cancel: async () => {
          relay.close();
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
