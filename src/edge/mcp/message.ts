import { type JSONRPCMessage, parseJSONRPCMessage } from '@modelcontextprotocol/server';
import { type RpcId, readableId } from '../../json/rpc-id.ts';

/** Reading JSON-RPC messages before the protocol server parses them. */

/** An own member of an object; undefined when it has none of that name. */
export function getOwn(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

export const methodOf = (message: unknown) => getOwn(message, 'method');

/** The requests that are answered by one call of a tool, published or internal. */
const CALLS: ReadonlySet<unknown> = new Set([
  'tools/call',
  'resources/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'completion/complete',
]);

export function isCall(message: unknown): boolean {
  return CALLS.has(methodOf(message)) && idOf(message) !== undefined;
}

/** The name of the tool that a `tools/call` names. */
export function toolNameOf(message: unknown): string | undefined {
  const name = getOwn(getOwn(message, 'params'), 'name');
  return methodOf(message) === 'tools/call' && typeof name === 'string' ? name : undefined;
}

/** The id of a request or a response. */
export const idOf = (message: unknown) => readableId(getOwn(message, 'id'));

/** The id of a request, for the error that answers it; undefined for a notification, a response and a batch. */
export const requestIdOf = (message: unknown) =>
  methodOf(message) === undefined ? undefined : idOf(message);

/** The id of the request that a refused body holds, as far as it was read. */
export const idOfRefused = ({
  value,
  rpcId,
}: {
  readonly value?: unknown;
  readonly rpcId?: RpcId | undefined;
}) => rpcId ?? requestIdOf(value);

/** Longer ids are refused, because the server stores the id of a request that waits. */
const MAX_ID_CHARS = 256;

/** Whether the id of every message, in a batch or alone, is short enough. */
export function hasValidIds(body: unknown): boolean {
  return (Array.isArray(body) ? body : [body]).every(
    (message) => String(idOf(message)).length <= MAX_ID_CHARS,
  );
}

/** Whether it is a client's response to a request of the server. */
export function isReply(message: unknown): boolean {
  return methodOf(message) === undefined && idOf(message) !== undefined;
}

export const isReplyOrCancel = (message: unknown) =>
  isReply(message) || methodOf(message) === 'notifications/cancelled';

/** The id of the request that a `notifications/cancelled` cancels. */
export function cancelledOf(message: unknown): string | number | undefined {
  if (methodOf(message) !== 'notifications/cancelled') return undefined;
  return readableId(getOwn(getOwn(message, 'params'), 'requestId'));
}

/**
 * Whether a call, or one of a batch, may wait. A client that disconnects meanwhile is noticed only while something is
 * written to it.
 */
export function mayWait(body: unknown): boolean {
  return (Array.isArray(body) ? body : [body]).some((message) => {
    const waitS = getOwn(getOwn(getOwn(message, 'params'), 'arguments'), 'wait_s');
    // As text it waits as well.
    return Number(waitS) > 0;
  });
}

/**
 * A batch without cancellations of its own requests. The protocol server does not answer a cancelled request, and a batch is
 * answered when all of its requests are, so it would never be. A receiver may ignore a cancellation (MCP, "Cancellation").
 */
export function withoutOwnCancellations(body: unknown): unknown {
  if (!Array.isArray(body)) return body;
  const requested = new Set(body.map(requestIdOf));
  return body.filter((message) => {
    const cancelled = cancelledOf(message);
    return cancelled === undefined || !requested.has(cancelled);
  });
}

export function parseMessage(message: unknown): JSONRPCMessage | undefined {
  try {
    return parseJSONRPCMessage(message);
  } catch {
    return undefined;
  }
}
