import { type JSONRPCMessage, parseJSONRPCMessage } from '@modelcontextprotocol/server';

/** Reading JSON-RPC messages before the protocol server does. */

/** An own member of an object; undefined when there is none. */
export function getOwn(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

/** The requests that are answered by a call of a tool, published or internal. */
const CALLS: ReadonlySet<unknown> = new Set([
  'tools/call',
  'resources/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
]);

export function isCall(message: unknown): boolean {
  return CALLS.has(getOwn(message, 'method')) && idOf(message) !== undefined;
}

/** The id of a request or an answer. */
export function idOf(message: unknown): string | number | undefined {
  const id = getOwn(message, 'id');
  return typeof id === 'string' || typeof id === 'number' ? id : undefined;
}

/** Longer ids are refused: they are kept with what a request is waiting for. */
const MAX_ID_CHARS = 256;

/** Whether every message, of a batch or alone, has an id that can be kept. */
export function hasValidIds(body: unknown): boolean {
  return (Array.isArray(body) ? body : [body]).every(
    (message) => String(idOf(message)).length <= MAX_ID_CHARS,
  );
}

/** Whether it answers a request of the server's. */
export function isAnswer(message: unknown): boolean {
  return getOwn(message, 'method') === undefined && idOf(message) !== undefined;
}

/** The request that a `notifications/cancelled` is about. */
export function cancelledOf(message: unknown): string | number | undefined {
  if (getOwn(message, 'method') !== 'notifications/cancelled') return undefined;
  const id = getOwn(getOwn(message, 'params'), 'requestId');
  return typeof id === 'string' || typeof id === 'number' ? id : undefined;
}

/** Whether a call mayWait for news: only by writing to its client is it noticed that the client has left meanwhile. */
export function mayWait(message: unknown): boolean {
  const waitS = getOwn(getOwn(getOwn(message, 'params'), 'arguments'), 'wait_s');
  return typeof waitS === 'number' && waitS > 0;
}

export function parseMessage(message: unknown): JSONRPCMessage | undefined {
  try {
    return parseJSONRPCMessage(message);
  } catch {
    return undefined;
  }
}
