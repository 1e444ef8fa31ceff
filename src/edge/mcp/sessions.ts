import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server';
import { toJsonLine } from '../../json/json-line.ts';
import { offersResources } from '../../mcp/published-tools.ts';
import type { ClientMessage, SessionId } from '../../tenant/contract/call.ts';
import type { ResourceChange } from '../../tenant/streams/stream.ts';
import { sessionClose } from '../../transport-tools/session-close.ts';
import { sessionListen } from '../../transport-tools/session-listen.ts';
import { EventStream, type SentEvent } from '../http/event-stream.ts';
import type { HttpRefusal } from '../http/http-errors.ts';
import { callInternal, failedCall, internalCall } from '../tenant-client/internal-call.ts';
import type { RequestContext } from '../tenant-client/request-context.ts';
import { StreamRelay } from '../tenant-client/stream-relay.ts';
import { sessionCancelKey } from './bind-server.ts';
import { replyKeyOf } from './conversation.ts';
import { cancelledOf, isReply, isReplyOrCancel } from './message.ts';

/** Sessions of the 2025 revisions (MCP, "Streamable HTTP", "Session Management"). Their rows are in the tenant. */

export const SESSION_HEADER = 'mcp-session-id';
const MAX_SESSION_CHARS = 64;

/** A session id as a client sent it, cut to the length that one can have. */
export const toSessionId = (id: string) => id.slice(0, MAX_SESSION_CHARS) as SessionId;

/** The session that a request names in its header. */
export function sessionOf(request: Request): SessionId | undefined {
  const id = request.headers.get(SESSION_HEADER);
  return id === null ? undefined : toSessionId(id);
}

/**
 * Serves a POST that holds only a client's responses and cancellations, in one request to the tenant: whichever machine
 * receives them, the tenant passes them to the machine that serves the request which they belong to.
 * @returns undefined for any other POST
 */
export async function handleReplies(context: RequestContext, body: unknown): Promise<Response | undefined> {
  const { session, tenant } = context;
  const messages = Array.isArray(body) ? body : [body];
  if (session === undefined || !messages.every(isReplyOrCancel)) return undefined;
  const delivered = await tenant.deliver(
    session,
    messages.flatMap((message) => forSession(session, message)),
  );
  if (!delivered.ok) return context.deny(delivered.error);
  return delivered.value ? new Response(null, { status: 202 }) : context.refuse(UNEXPECTED_REPLY);
}

function forSession(session: SessionId, message: unknown): ClientMessage[] {
  // No request has the empty key, so a response without a key has no receiver.
  if (isReply(message)) return [{ kind: 'reply', key: replyKeyOf(message) ?? '', message }];
  const id = cancelledOf(message);
  return id === undefined ? [] : [{ kind: 'cancel', cancelKey: sessionCancelKey(session, id) }];
}

const UNEXPECTED_REPLY: HttpRefusal = {
  status: 400,
  code: 'invalid_request',
  message: 'No request of this session is waiting for this response.',
};

/** `DELETE`: the client ends its session. */
export async function deleteSession(context: RequestContext): Promise<Response> {
  const { session } = context;
  if (session === undefined) return context.refuse(SESSION_REQUIRED);
  const closed = await callInternal(context, sessionClose, { session_id: session }, session);
  return closed.ok ? new Response(null, { status: 204 }) : context.respondRefused(closed.error);
}

/** `GET`: the stream on which a session is notified of changes, from the client's `Last-Event-ID` on. */
export async function streamSession(context: RequestContext): Promise<Response> {
  const { session, request, caller, tenant } = context;
  if (session === undefined) return context.refuse(SESSION_REQUIRED);
  const version = caller.protocolVersion;
  if (version !== undefined && !SUPPORTED_PROTOCOL_VERSIONS.includes(version))
    return context.refuse(UNKNOWN_REVISION);
  const last = parseEventId(request.headers.get('last-event-id'));
  const opening = internalCall(context, sessionListen, { session_id: session }, session);
  const purpose = { kind: 'changes', since: last?.since } as const;
  const opened = await StreamRelay.open(tenant, { session, purpose, opening });
  if (!opened.ok) {
    const refusal = failedCall(context, opened.error);
    return context.respondRefused(
      refusal.code === 'unknown_handle' ? context.toHttpRefusal({ reason: 'unknown_session' }) : refusal,
    );
  }
  const relay = opened.value;
  const stream = new EventStream(request.signal, () => relay.close(), { [SESSION_HEADER]: session });
  let skip = last?.skip ?? 0;
  // An empty event gives the client an id to resume from before there is a change. Older clients do not expect it.
  let primed = last !== undefined || version === undefined || version < PRIMED_SINCE;
  relay.onEvents({
    changes: (changes, rev) => {
      // The URL may leave resources out.
      if (!offersResources(context.toolFilter)) return;
      const events: SentEvent[] = primed ? [] : [{ id: String(rev), data: '' }];
      primed = true;
      for (const change of changes) {
        events.push(...eventsOf(change).slice(change.rev === (last?.since ?? 0) + 1 ? skip : 0));
        skip = 0;
      }
      stream.send(...events);
    },
    message: () => {},
    cancelled: () => {},
    ended: () => stream.end(),
  });
  return stream.response;
}

/** Without a session only POST is served. */
const SESSION_REQUIRED: HttpRefusal = {
  status: 405,
  code: 'method_not_allowed',
  message: 'GET and DELETE need a session. Send initialize, then send its Mcp-Session-Id with each request.',
  headers: { Allow: 'POST, OPTIONS' },
};
const UNKNOWN_REVISION: HttpRefusal = {
  status: 400,
  code: 'invalid_request',
  message: 'MCP-Protocol-Version names no revision that has sessions.',
};

/**
 * A change as server-sent events. The id of the last event of a revision is the revision; the ids of the events before
 * it are `revision.n`, so that a client can resume in the middle of a revision.
 */
function eventsOf({ rev, uris, list, reset }: ResourceChange): SentEvent[] {
  const messages = [
    ...uris.map((uri) => ({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } })),
    ...(list ? [{ jsonrpc: '2.0', method: 'notifications/resources/list_changed' }] : []),
  ];
  return messages.map((message, index) => {
    const data = toJsonLine(message);
    if (index === messages.length - 1) return { id: String(rev), data };
    // A reset has no partial event ids: it must be received whole.
    return reset ? { data } : { id: `${rev}.${index + 1}`, data };
  });
}

/** The first revision of the protocol whose clients accept an event without data. */
const PRIMED_SINCE = '2025-11-25';

const EVENT_ID = /^(\d{1,13})(?:\.(\d{1,4}))?$/;

/** The position from which a client resumes; undefined when the id is not one of ours. */
function parseEventId(id: string | null): { since: number; skip: number } | undefined {
  const [, rev, part] = EVENT_ID.exec(id ?? '') ?? [];
  if (rev === undefined) return undefined;
  return part === undefined
    ? { since: Number(rev), skip: 0 }
    : { since: Math.max(0, Number(rev) - 1), skip: Number(part) };
}
