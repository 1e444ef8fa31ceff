import type { Listener, StreamState } from './stream.ts';
import { closeCodeOf } from './stream-protocol.ts';

/** Streams as hibernatable WebSockets: an idle stream does not keep the tenant's Durable Object in memory. */

/** The listener of a socket. Its state is the attachment of the socket, which survives hibernation. */
export function listenerOf(socket: WebSocket): Listener {
  let state: StreamState = socket.deserializeAttachment();
  return {
    get state() {
      return state;
    },
    saveState: (saved) => {
      state = saved;
      socket.serializeAttachment(saved);
    },
    send: (event) => {
      if (socket.readyState !== WebSocket.OPEN) return false;
      try {
        socket.send(JSON.stringify(event));
        return true;
      } catch {
        // The connection broke, which the platform reports as an event of its own.
        return false;
      }
    },
    end: (end) => socket.close(closeCodeOf(end), end),
  };
}

/** The streams that are still open when the Durable Object is loaded again. */
export function openListeners(ctx: DurableObjectState): Listener[] {
  return ctx
    .getWebSockets()
    .filter((socket) => socket.readyState === WebSocket.OPEN)
    .map(listenerOf);
}
