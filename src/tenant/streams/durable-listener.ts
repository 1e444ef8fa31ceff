import * as z from 'zod';
import type { SessionId, TokenId } from '../contract/call.ts';
import {
  type Attachment,
  type Listener,
  STREAM_ENDS,
  type StreamEnd,
  type StreamPurpose,
} from './listeners.ts';

/** Streams as WebSockets that the platform can hibernate: an idle one keeps nothing of the tenant awake. */

const ASK_HEADER = 'x-bulkhead-ask';
/** RFC 6455, section 7.4.2, leaves 4000 to 4999 to applications. */
const FIRST_CODE = 4000;

/** The reason for which the tenant closed a stream, by the code of the close; undefined when it was not the tenant. */
export function streamEndOf(code: number): StreamEnd | undefined {
  return STREAM_ENDS[code - FIRST_CODE];
}

const asked = z.object({
  tokenId: z.string().transform((id) => id as TokenId),
  session: z.string().transform((id) => id as SessionId),
  purpose: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('changes'), since: z.int().min(0).optional() }),
    z.object({ kind: z.literal('replies'), key: z.string(), cancelKey: z.string() }),
  ]),
});

/** The request by which the edge asks for a stream. */
export function askForStream(tokenId: TokenId, session: SessionId, purpose: StreamPurpose): Request {
  // Not in the URL, which the platform may log.
  const ask = encodeURIComponent(JSON.stringify({ tokenId, session, purpose }));
  return new Request('https://tenant/stream', { headers: { Upgrade: 'websocket', [ASK_HEADER]: ask } });
}

export function hearingOf(request: Request): z.output<typeof asked> {
  return asked.parse(JSON.parse(decodeURIComponent(request.headers.get(ASK_HEADER) ?? '')));
}

/** The listener behind a socket. What it is and how far it was told survives the sleep of the object. */
export function listenerOf(socket: WebSocket): Listener {
  let attachment: Attachment = socket.deserializeAttachment();
  return {
    get attachment() {
      return attachment;
    },
    keep: (kept) => {
      attachment = kept;
      socket.serializeAttachment(kept);
    },
    send: (notice) => {
      if (socket.readyState !== WebSocket.OPEN) return false;
      socket.send(JSON.stringify(notice));
      return true;
    },
    end: (end) => socket.close(FIRST_CODE + STREAM_ENDS.indexOf(end), end),
  };
}

/** The streams that outlived the sleep of the object. */
export function openListeners(ctx: DurableObjectState): Listener[] {
  return ctx
    .getWebSockets()
    .filter((socket) => socket.readyState === WebSocket.OPEN)
    .map(listenerOf);
}
