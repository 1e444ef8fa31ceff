import type { StreamEnd, StreamEvent } from '../../tenant/streams/stream.ts';
import { NORMAL_CLOSURE, streamEndOf } from '../../tenant/streams/stream-protocol.ts';

/** The time between two readings, in milliseconds: one who is far behind catches up without occupying the tenant. */
const READ_EVERY_MS = 100;
/** The longest delay of a timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** One reading: the calls after a record, and up to which record it has looked. */
export interface FollowedPage<Call> {
  readonly calls: readonly Call[];
  readonly up_to: number;
}

export interface FollowerOptions<Call> {
  readonly socket: WebSocket;
  /** The id of the last record that is known. */
  readonly after: number;
  /** When the stream ends by itself, in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** @throws when the records may not be read any more, or cannot */
  read(after: number): Promise<FollowedPage<Call>>;
  /** Receives each reading that has looked further, also one without calls. */
  page(page: FollowedPage<Call>): void;
  /** Called once. @param end why the tenant has ended the stream; undefined when it broke, and can be opened again */
  ended(end: StreamEnd | 'expired' | undefined): void;
}

/**
 * Follows the calls of a tenant as they end: the tenant says on a socket up to which record there are new ones, and is asked
 * for those that match.
 *
 * Guarantees: every record after `after` is looked at once, in order. Nothing is read between two announcements, so that one
 * who watches an idle tenant costs nothing.
 * @returns closes the stream
 */
export function followRecords<Call>(options: FollowerOptions<Call>): () => void {
  const { socket, read, page, ended } = options;
  let { after } = options;
  let announced = after;
  let isReading = false;
  let isOver = false;
  const end = (why: StreamEnd | 'expired' | undefined) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(expiry);
    socket.close(NORMAL_CLOSURE);
    ended(why);
  };
  const lifeMs = options.expiresAt - Date.now();
  const expiry = lifeMs < MAX_TIMER_MS ? setTimeout(() => end('expired'), Math.max(0, lifeMs)) : undefined;
  const readOn = async () => {
    while (after < announced && !isOver) {
      const next = await read(after);
      if (isOver || next.up_to <= after) return;
      after = next.up_to;
      page(next);
      if (after < announced) await new Promise((resolve) => setTimeout(resolve, READ_EVERY_MS));
    }
  };
  const announce = (event: StreamEvent) => {
    if (event.kind !== 'calls') return;
    announced = Math.max(announced, event.last);
    if (isReading) return;
    isReading = true;
    // What has failed is in the log; the stream can be opened again.
    void readOn()
      .catch(() => end(undefined))
      .finally(() => {
        isReading = false;
      });
  };
  socket.addEventListener('message', ({ data }) => announce(JSON.parse(String(data))));
  socket.addEventListener('close', ({ code }) => end(streamEndOf(code)));
  socket.addEventListener('error', () => end(undefined));
  socket.accept();
  if (lifeMs <= 0) end('expired');
  return () => end(undefined);
}
