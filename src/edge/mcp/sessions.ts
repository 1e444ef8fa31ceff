import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server';
import type { Context } from 'hono';
import type { SessionId } from '../../tenant/contract/call.ts';
import type { Change } from '../../tenant/streams/listeners.ts';
import { sessionClose } from '../../transport-tools/session-close.ts';
import { sessionListen } from '../../transport-tools/session-listen.ts';
import { sessionOpen } from '../../transport-tools/session-open.ts';
import { httpRefusal, type Refused } from '../auth/authenticate.ts';
import type { Principal } from '../auth/tokens.ts';
import { EventStream, type SentEvent } from '../http/event-stream.ts';
import type { HttpRefusal } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { callInternal } from '../tenant-client/internal-call.ts';
import { type Asker, protocolVersionOf, sessionCancelKey } from '../tenant-client/request-context.ts';
import { StreamRelay } from '../tenant-client/stream-relay.ts';
import { doorOf } from '../tenant-client/tenant-client.ts';
import { conversationOf } from './conversation.ts';
import { cancelledOf, getOwn, isAnswer } from './message.ts';

/** Sessions of the 2025 revisions (MCP, "Streamable HTTP", "Session Management"). The tenant keeps them. */

export const SESSION_HEADER = 'mcp-session-id';
const MAX_SESSION_CHARS = 64;

type Ctx = Context<AppEnv>;

/** The session that a request names: whether there is one is for the tenant to say. */
export function sessionOf(request: Request): SessionId | undefined {
  const id = request.headers.get(SESSION_HEADER);
  return id === null ? undefined : (id.slice(0, MAX_SESSION_CHARS) as SessionId);
}

/** Opens a session for a client whose `initialize` was answered. */
export async function openSession(c: Ctx, principal: Principal, body: unknown): Promise<SessionId | Refused> {
  const id = crypto.randomUUID() as SessionId;
  const client = JSON.stringify(getOwn(body, 'params'));
  const args = { session_id: id, kind: 'session', client };
  const refusal = await callInternal(c, principal, sessionOpen, args);
  return refusal === undefined ? id : { refusal, principal };
}

/** What a client says in a session besides its requests. @returns the refusal, or undefined when it was taken. */
export async function takeAnswer(
  c: Ctx,
  principal: Principal,
  session: SessionId,
  message: unknown,
): Promise<HttpRefusal | undefined> {
  const key = conversationOf(message);
  const unasked: HttpRefusal = {
    status: 400,
    code: 'invalid_request',
    message: 'No request of this session mayWait for such an answer.',
  };
  if (key === undefined) return unasked;
  const delivery = await doorOf(c, principal).deliver(session, key, message);
  if (!delivery.ok) return httpRefusal(c, delivery.refusal);
  return delivery.delivered ? undefined : unasked;
}

/** Ends the request that a client has cancelled, whichever machine serves it. */
export async function takeCancellation(
  c: Ctx,
  principal: Principal,
  session: SessionId,
  message: unknown,
): Promise<void> {
  const id = cancelledOf(message);
  if (id !== undefined) await doorOf(c, principal).cancel(sessionCancelKey(session, id));
}

export const isReplyOrCancel = (message: unknown) =>
  isAnswer(message) || getOwn(message, 'method') === 'notifications/cancelled';

const unknownSession = (c: Ctx) => httpRefusal(c, { reason: 'unknown_session' });

/** `DELETE`: the client is done with its session. */
export async function deleteSession(c: Ctx, { principal, session }: Asker): Promise<Response | Refused> {
  if (session === undefined) return { refusal: sessionRequired, principal };
  const args = { session_id: session };
  const refusal = await callInternal(c, principal, sessionClose, args, session);
  return refusal === undefined ? new Response(null, { status: 204 }) : { refusal, principal };
}

/** `GET`: the stream on which a session is told of changes, from the event on that the client saw last. */
export async function streamSession(c: Ctx, { principal, session }: Asker): Promise<Response | Refused> {
  const refuse = (refusal: HttpRefusal) => ({ refusal, principal });
  if (session === undefined) return refuse(sessionRequired);
  const version = protocolVersionOf(c.req.raw);
  if (version !== undefined && !SUPPORTED_PROTOCOL_VERSIONS.includes(version)) return refuse(noSuchRevision);
  const refusal = await callInternal(c, principal, sessionListen, { session_id: session }, session);
  if (refusal !== undefined) return refuse(refusal.code === 'unknown_handle' ? unknownSession(c) : refusal);
  const last = lastEvent(c.req.header('last-event-id'));
  const door = doorOf(c, principal);
  const purpose = { kind: 'changes', since: last?.since } as const;
  const relay = await StreamRelay.open(door, session, purpose, principal.expiresAt);
  if ('reason' in relay) return refuse(httpRefusal(c, relay));
  const stream = new EventStream(c.req.raw.signal, () => relay.close(), { [SESSION_HEADER]: session });
  let skip = last?.skip ?? 0;
  // An event without data tells a client where to go on before there is anything to tell; older ones do not expect it.
  let primed = last !== undefined || version === undefined || version < PRIMED_SINCE;
  relay.hear({
    changes: (changes, rev) => {
      if (!primed) stream.send({ id: String(rev), data: '' });
      primed = true;
      for (const change of changes) {
        const events = eventsOf(change);
        stream.send(...events.slice(change.rev === (last?.since ?? 0) + 1 ? skip : 0));
        skip = 0;
      }
    },
    message: () => {},
    cancelled: () => {},
    ended: () => stream.end(),
  });
  return stream.response;
}

/** Without a session there is nothing here but POST. */
const sessionRequired: HttpRefusal = {
  status: 405,
  code: 'method_not_allowed',
  message: 'GET and DELETE are for a session: initialize one, and send its Mcp-Session-Id.',
  headers: { Allow: 'POST, OPTIONS' },
};
const noSuchRevision: HttpRefusal = {
  status: 400,
  code: 'invalid_request',
  message: 'MCP-Protocol-Version names no revision that has sessions.',
};

/**
 * A change as messages, each with an id that says how far a client is that has it: the revision, and, for all but the
 * last message of a revision, how many of them there were.
 */
function eventsOf({ rev, uris, list, reset }: Change): SentEvent[] {
  const messages = [
    ...uris.map((uri) => ({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } })),
    ...(list ? [{ jsonrpc: '2.0', method: 'notifications/resources/list_changed' }] : []),
  ];
  return messages.map((message, index) => {
    const data = JSON.stringify(message);
    if (index === messages.length - 1) return { id: String(rev), data };
    // Of what stands for everything, half is nothing.
    return reset ? { data } : { id: `${rev}.${index + 1}`, data };
  });
}

/** The revision of the protocol from which on clients take an event without data. */
const PRIMED_SINCE = '2025-11-25';

const EVENT_ID = /^(\d{1,13})(?:\.(\d{1,4}))?$/;

/** From where a client goes on that saw the event last; undefined when it is none of ours. */
function lastEvent(id: string | undefined): { since: number; skip: number } | undefined {
  const [, rev, part] = EVENT_ID.exec(id ?? '') ?? [];
  if (rev === undefined) return undefined;
  return part === undefined
    ? { since: Number(rev), skip: 0 }
    : { since: Math.max(0, Number(rev) - 1), skip: Number(part) };
}
