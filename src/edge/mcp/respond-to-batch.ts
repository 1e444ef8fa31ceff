import { isInitializeRequest, isJSONRPCRequest, type JSONRPCRequest } from '@modelcontextprotocol/server';
import type { RequestContext } from '../tenant-client/request-context.ts';
import type { BoundServer } from './bind-server.ts';
import { parseMessage } from './message.ts';
import { makePlainCall, plainCall2025 } from './plain-call.ts';
import { respondInJson } from './responders-2025.ts';

/**
 * Answers a JSON-RPC batch in JSON: its requests one after the other, each to bytes of its own, which are put together
 * unread. The SDK prints all results in one go, for which an isolate would serve nobody for a tenth of a second.
 *
 * A batch that the SDK refuses as a whole is left to it, and so is one that has a single answer.
 */
export async function respondToBatch(
  context: RequestContext,
  messages: readonly unknown[],
  binding: BoundServer,
): Promise<Response> {
  const requests = requestsOf(messages);
  if (requests === undefined) return respondInJson(context, messages, binding);
  const parts: Uint8Array[] = [];
  for (const request of requests) {
    const plain = plainCall2025(context, request);
    if (plain !== undefined) {
      const { json } = await makePlainCall(context, plain, binding);
      parts.push(encoder.encode(json()));
      continue;
    }
    const response = await respondInJson(context, request, binding);
    if (!response.ok) return response;
    parts.push(new Uint8Array(await response.arrayBuffer()));
  }
  return new Response(listOf(parts), { headers: { 'content-type': 'application/json' } });
}

/** The requests of a batch that has several and is valid; its notifications change nothing. */
function requestsOf(messages: readonly unknown[]): JSONRPCRequest[] | undefined {
  if (!messages.every((message) => parseMessage(message) !== undefined)) return undefined;
  const requests = messages.filter((message) => isJSONRPCRequest(message));
  return requests.length < 2 || requests.some(isInitializeRequest) ? undefined : requests;
}

const encoder = new TextEncoder();

/** A JSON list of these values. */
function listOf(values: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const list = new Uint8Array(values.reduce((length, value) => length + value.length + 1, 1));
  list[0] = '['.charCodeAt(0);
  let at = 1;
  for (const value of values) {
    list.set(value, at);
    at += value.length + 1;
    list[at - 1] = ','.charCodeAt(0);
  }
  list[list.length - 1] = ']'.charCodeAt(0);
  return list;
}
