import { createMcpHandler, isLegacyRequest, PROTOCOL_VERSION_META_KEY } from '@modelcontextprotocol/server';
import { KEEP_ALIVE_MS } from '../http/event-stream.ts';
import { withOneLineEvents } from '../http/one-line-events.ts';
import type { RequestContext } from '../tenant-client/request-context.ts';
import { acceptedForm, prefersStream, STREAM_REQUIRED } from './accept.ts';
import type { BoundServer } from './bind-server.ts';
import { admitFirst, callFirst, type Respond } from './dispatch.ts';
import { serveListen } from './listen.ts';
import { getOwn, isCall, mayWait, methodOf } from './message.ts';
import { answerPlainCall, plainCall2026 } from './plain-call.ts';

/** The 2026-07-28 revision: stateless, each request carries everything that is needed to serve it. */

/** Whether a request is of this revision. If a call states its revision in `_meta`, no closer look is needed. */
export async function isEra2026(request: Request, message: unknown): Promise<boolean> {
  const stated = getOwn(getOwn(getOwn(message, 'params'), '_meta'), PROTOCOL_VERSION_META_KEY);
  return (stated !== undefined && isCall(message)) || !(await isLegacyRequest(request, message));
}

export async function handle2026(context: RequestContext, message: unknown): Promise<Response> {
  const { request, isolate } = context;
  const form = acceptedForm(request);
  if (methodOf(message) === 'subscriptions/listen')
    return form === 'json' ? context.refuse(STREAM_REQUIRED) : serveListen(context, message);
  const inStream = form !== 'json' && (prefersStream(request) || mayWait(message));
  const respond: Respond = async (binding) => {
    bindings.set(request, { binding, serve: isolate.serve });
    return withOneLineEvents(await (inStream ? IN_STREAM : IN_JSON).fetch(request, { parsedBody: message }));
  };
  if (inStream || !isCall(message)) return admitFirst(context, respond, message);
  const plain = plainCall2026(context, message);
  return plain === undefined ? callFirst(context, respond) : answerPlainCall(context, plain);
}

/** The SDK makes its handlers once and asks for the server of each request, which is found here. */
const bindings = new WeakMap<Request, { binding: BoundServer; serve: RequestContext['isolate']['serve'] }>();

function serverFor(request: Request | undefined) {
  const bound = request === undefined ? undefined : bindings.get(request);
  if (bound === undefined) throw new Error('the SDK asked for the server of an unknown request');
  return bound.serve(bound.binding);
}

const handlerOf = (responseMode: 'auto' | 'sse') =>
  createMcpHandler(({ requestInfo }) => serverFor(requestInfo), {
    legacy: 'reject',
    keepAliveMs: KEEP_ALIVE_MS,
    responseMode,
  });
const IN_STREAM = handlerOf('sse');
/** `auto` answers in JSON unless a server sends something before the answer, which ours do only in streams. */
const IN_JSON = handlerOf('auto');
