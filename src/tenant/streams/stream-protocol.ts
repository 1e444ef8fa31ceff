import * as z from 'zod';
import type { CallRequest, SessionId, TokenId } from '../contract/call.ts';
import { STREAM_ENDS, type StreamEnd, type StreamPurpose } from './stream.ts';

/** How the edge opens a stream of a tenant, and what the closing of its WebSocket means. */

const REQUEST_HEADER = 'x-bulkhead-stream';
/** On the answer with status 101: what the token of the stream may do, and until when, as JSON. */
export const ADMITTED_HEADER = 'x-bulkhead-admitted';
/** The platform limits the headers of a request to 128 KB; a larger request is sent in two steps. */
const MAX_HEADER_CHARS = 64_000;

/** A normal end (RFC 6455, section 7.4.1): the client has left, or has received everything. */
export const NORMAL_CLOSURE = 1000;
/** RFC 6455, section 7.4.2, reserves 4000 to 4999 for applications. */
const FIRST_CODE = 4000;

export const closeCodeOf = (end: StreamEnd) => FIRST_CODE + STREAM_ENDS.indexOf(end);

/** Why the tenant closed a stream, by the close code; undefined when the connection was lost instead. */
export function streamEndOf(code: number): StreamEnd | undefined {
  return STREAM_ENDS[code - FIRST_CODE];
}

/** A stream that the edge asks for. */
export interface StreamRequest {
  readonly tokenId: TokenId;
  readonly session: SessionId;
  readonly purpose: StreamPurpose;
  /** The call of an internal tool that must be answered first, such as the one that opens the session. */
  readonly opening?: CallRequest | undefined;
}

const streamRequest = z.object({
  tokenId: z.string().transform((id) => id as TokenId),
  session: z.string().transform((id) => id as SessionId),
  purpose: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('changes'),
      since: z.int().min(0).optional(),
      all: z.boolean().optional(),
    }),
    z.object({ kind: z.literal('calls'), by: z.enum(['operator', 'token']) }),
    z.object({ kind: z.literal('replies'), key: z.string(), cancelKey: z.string() }),
  ]),
  // Made by this program at the other end of the binding, which nobody else can reach.
  opening: z.custom<CallRequest>((value) => typeof value === 'object').optional(),
});

/** @returns the request by which the edge opens a stream, or undefined when it is too large for a header */
export function encodeStreamRequest(stream: StreamRequest): Request | undefined {
  // Not in the URL, which the platform may log.
  const text = encodeURIComponent(JSON.stringify(stream));
  if (text.length > MAX_HEADER_CHARS) return undefined;
  return new Request('https://tenant/stream', { headers: { Upgrade: 'websocket', [REQUEST_HEADER]: text } });
}

/** @throws when the request was not made by `encodeStreamRequest` */
export function decodeStreamRequest(request: Request): StreamRequest {
  return streamRequest.parse(JSON.parse(decodeURIComponent(request.headers.get(REQUEST_HEADER) ?? '')));
}
