import { createMcpHandler, isLegacyRequest, PROTOCOL_VERSION_META_KEY } from '@modelcontextprotocol/server';
import { KEEP_ALIVE_MS } from '../http/event-stream.ts';
import type { Exchange } from '../tenant-client/request-context.ts';
import { getOwn, isCall } from './message.ts';

/** The 2026-07-28 revision: every request says all there is to know about it. */

const exchanges = new WeakMap<Request, Exchange>();

function serverFor(request: Request | undefined) {
  const exchange = request === undefined ? undefined : exchanges.get(request);
  if (exchange === undefined) throw new Error('a protocol server was asked for outside an exchange');
  return exchange.serve(exchange);
}

const handlerOf = (responseMode: 'auto' | 'sse') =>
  createMcpHandler(({ requestInfo }) => serverFor(requestInfo), {
    legacy: 'reject',
    keepAliveMs: KEEP_ALIVE_MS,
    responseMode,
  });
/** Answers in JSON, unless the server has something to say before the answer; or always in a stream. */
const HANDLERS = { auto: handlerOf('auto'), sse: handlerOf('sse') };

export function respondModern(
  request: Request,
  body: unknown,
  exchange: Exchange,
  mode: 'auto' | 'sse',
): Promise<Response> {
  exchanges.set(request, exchange);
  return HANDLERS[mode].fetch(request, { parsedBody: body });
}

/** Whether the request is one of the 2026-07-28 revision. One that names its revision in the envelope needs no closer look. */
export async function isModern(request: Request, body: unknown): Promise<boolean> {
  const claimed = getOwn(getOwn(getOwn(body, 'params'), '_meta'), PROTOCOL_VERSION_META_KEY);
  return (claimed !== undefined && isCall(body)) || !(await isLegacyRequest(request, body));
}
