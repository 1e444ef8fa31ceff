import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import type { SessionInfo } from '../../tenant/contract/call.ts';
import { KEEP_ALIVE_MS } from '../http/event-stream.ts';
import { withOneLineEvents } from '../http/one-line-events.ts';
import type { RequestContext } from '../tenant-client/request-context.ts';
import type { BoundServer } from './bind-server.ts';
import { Conversation } from './conversation.ts';

/** The two ways to answer a request of the 2025 revisions: each makes a protocol server for this one request. */

/** One answer in JSON, which is known before the response begins: a refusal can still become an HTTP status. */
export async function respondInJson(
  { request, isolate }: RequestContext,
  message: unknown,
  binding: BoundServer,
): Promise<Response> {
  const server = isolate.serve(binding);
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  await server.connect(transport);
  // A client that disconnects ends the work that is done for it.
  const leave = () => void server.close();
  request.signal.addEventListener('abort', leave, { once: true });
  try {
    return await transport.handleRequest(acceptingBoth(request), { parsedBody: message });
  } finally {
    request.signal.removeEventListener('abort', leave);
    await server.close();
  }
}

/**
 * The answer in an event stream, after the notifications and requests that the server sends before it.
 * @param session what the client has stated in its session, if the server may have to ask it something
 */
export async function respondInStream(
  context: RequestContext,
  message: unknown,
  binding: BoundServer,
  session: SessionInfo | undefined,
): Promise<Response> {
  const { request, isolate } = context;
  const server = isolate.serve(binding);
  const transport = new WebStandardStreamableHTTPServerTransport({ keepAliveMs: KEEP_ALIVE_MS });
  const conversation =
    session === undefined ? undefined : await Conversation.begin(transport, context, message);
  const end = () => {
    conversation?.end();
    void server.close();
  };
  const answer = async () => {
    await server.connect(transport);
    if (session !== undefined) await conversation?.replaySession(session);
    return transport.handleRequest(acceptingBoth(request), { parsedBody: message });
  };
  const response = await answer().catch((cause: unknown) => {
    end();
    throw cause;
  });
  if (response.body === null || response.headers.get('content-type') !== 'text/event-stream') {
    end();
    return response;
  }
  if (request.signal.aborted) end();
  else request.signal.addEventListener('abort', end, { once: true });
  return withOneLineEvents(new Response(withEnd(response.body, end), response));
}

/** The same stream; `onEnd` is called when it ends for any reason. */
function withEnd(stream: ReadableStream<Uint8Array>, onEnd: () => void): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  return new ReadableStream({
    pull: async (controller) => {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        onEnd();
        throw cause;
      });
      if (!done) return controller.enqueue(value);
      controller.close();
      onEnd();
    },
    cancel: async () => {
      onEnd();
      await reader.cancel();
    },
  });
}

/** The SDK requires both media types by name. The endpoint has already checked wildcards and weights. */
function acceptingBoth(request: Request): Request {
  const accept = request.headers.get('accept') ?? '';
  if (accept.includes('application/json') && accept.includes('text/event-stream')) return request;
  const headers = new Headers(request.headers);
  headers.set('accept', 'application/json, text/event-stream');
  return new Request(request.url, { method: 'POST', headers });
}
