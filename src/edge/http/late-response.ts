import type { Later } from '../../tenant/contract/timer.ts';
import { KEEP_ALIVE_MS } from './event-stream.ts';
import { later as platformTimer } from './timer.ts';

/** A call that is not answered after this time, in milliseconds, is taken to wait. Quick answers have their own status. */
export const QUICK_ANSWER_MS = 1000;

/** JSON allows white space before a value (RFC 8259, section 2). */
const WHITE_SPACE = '\n';

const HEADERS = {
  'content-type': 'application/json',
  // A proxy that compresses would hold white space back, and nothing would be written to the client. The platform leaves
  // alone what must not be transformed, and its local simulation what has an encoding.
  'cache-control': 'no-store, no-transform',
  'content-encoding': 'identity',
};

/**
 * A response to a client that may have to wait for it: a client that disconnects is noticed only while something is
 * written to it.
 *
 * A response that is ready within a second is returned as it is. Otherwise a response with status 200 begins, in which
 * white space is sent every three seconds, and then the body of the late response. The body of a late error is the same
 * problem details object (RFC 9457) as usual, whose member `status` is the status that an earlier response would have had.
 * @param onGone called once when the client disconnects before it was answered
 */
export async function respondLate(
  response: Promise<Response>,
  onGone: () => void,
  later: Later = platformTimer,
): Promise<Response> {
  const waits = Promise.withResolvers<undefined>();
  const stopWaiting = later(QUICK_ANSWER_MS, () => waits.resolve(undefined));
  try {
    const quick = await Promise.race([response, waits.promise]);
    if (quick !== undefined) return quick;
  } finally {
    stopWaiting();
  }
  const body = bodyOf(response, onGone, later);
  return new Response(body, { headers: HEADERS });
}

function bodyOf(response: Promise<Response>, onGone: () => void, later: Later): ReadableStream<Uint8Array> {
  let stopKeepAlive = () => {};
  return new ReadableStream<Uint8Array>({
    start: (controller) => {
      const keepAlive = () => {
        controller.enqueue(new TextEncoder().encode(WHITE_SPACE));
        stopKeepAlive = later(KEEP_ALIVE_MS, keepAlive);
      };
      keepAlive();
      const finish = async () => {
        const bytes = new Uint8Array(await (await response).arrayBuffer());
        stopKeepAlive();
        controller.enqueue(bytes);
        controller.close();
      };
      finish().catch((cause: unknown) => {
        stopKeepAlive();
        // Does nothing if the client is gone.
        controller.error(cause);
      });
    },
    cancel: () => {
      stopKeepAlive();
      onGone();
    },
  });
}
