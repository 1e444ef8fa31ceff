import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import type { PublishedTools, ToolFilter } from '../../mcp/published-tools.ts';
import type { SessionInfo } from '../../tenant/contract/call.ts';
import { isRemoteTool } from '../../tools/remote-tool.ts';
import { KEEP_ALIVE_MS } from '../http/event-stream.ts';
import type { Exchange } from '../tenant-client/request-context.ts';
import { Conversation } from './conversation.ts';
import { getOwn } from './message.ts';

/** The 2025 revisions: one server for each request, in or out of a session, so that any machine serves any of them. */

/** Whether the request is a call of a tool that hasRemoteTools with its caller while it runs. */
export function isConversation(body: unknown, tools: PublishedTools, families: ToolFilter): boolean {
  if (getOwn(body, 'method') !== 'tools/call') return false;
  const name = getOwn(getOwn(body, 'params'), 'name');
  const tool = typeof name === 'string' ? tools.find(name, families) : undefined;
  return tool !== undefined && isRemoteTool(tool);
}

/** One answer in JSON, when it is known: so that a refusal at the door can become a status. */
export async function respondInJson(request: Request, body: unknown, exchange: Exchange): Promise<Response> {
  const server = exchange.serve(exchange);
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  await server.connect(transport);
  // Closing it ends what the server is doing for a client that is gone.
  const leave = () => void server.close();
  request.signal.addEventListener('abort', leave, { once: true });
  try {
    return await transport.handleRequest(acceptingAll(request), { parsedBody: body });
  } finally {
    request.signal.removeEventListener('abort', leave);
    await server.close();
  }
}

/**
 * The answer in a stream, after whatever the server has to say and to ask before.
 * @param session what the client said in its session, if the server may have to ask it something
 */
export async function respondInStream(
  request: Request,
  body: unknown,
  exchange: Exchange,
  session: SessionInfo | undefined,
  expiresAt: number,
): Promise<Response> {
  const server = exchange.serve(exchange);
  const transport = new WebStandardStreamableHTTPServerTransport({ keepAliveMs: KEEP_ALIVE_MS });
  const conversation =
    session === undefined ? undefined : await Conversation.begin(transport, exchange, body, expiresAt);
  const end = () => {
    conversation?.end();
    void server.close();
  };
  const answer = async () => {
    await server.connect(transport);
    if (session !== undefined) await conversation?.introduce(session);
    return transport.handleRequest(acceptingAll(request), { parsedBody: body });
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
  return new Response(watched(response.body, end), response);
}

/** The same stream, with `onEnd` called when it has ended, however it did. */
function watched(stream: ReadableStream<Uint8Array>, onEnd: () => void): ReadableStream<Uint8Array> {
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

/** The SDK looks for both media types by name; wildcards and preferences were resolved before. */
function acceptingAll(request: Request): Request {
  const accept = request.headers.get('accept') ?? '';
  if (accept.includes('application/json') && accept.includes('text/event-stream')) return request;
  const headers = new Headers(request.headers);
  headers.set('accept', 'application/json, text/event-stream');
  return new Request(request.url, { method: 'POST', headers });
}
