import type { TransportFailure } from './failure.ts';
import { keepStreamOpen, type ReconnectOptions } from './reconnect.ts';
import type { RemoteServer, SendOptions, SessionHeaders } from './remote.ts';

export interface ServerStreamOptions extends SendOptions, ReconnectOptions {
  readonly session: SessionHeaders;
  /** The stream was opened again, and the server cannot tell what was missed. */
  readonly onGap: () => void;
}

/**
 * Holds open the `GET` stream of a 2025 session until `signal` aborts.
 *
 * A stream that breaks is opened again after the last event id. Unlike in the SDK's own reconnection, the id survives a
 * second break without an event in between, and attempts go on for about eight minutes instead of two attempts.
 * @returns why the stream was given up; undefined after an abort
 */
export function holdServerStream(
  remote: RemoteServer,
  { onGap, onMessage, ...options }: ServerStreamOptions,
): Promise<TransportFailure | undefined> {
  let lastEventId = '';
  let timesOpened = 0;
  return keepStreamOpen(
    (onActivity) =>
      remote.openStream({
        ...options,
        lastEventId,
        onMessage: (message) => {
          onActivity();
          onMessage(message);
        },
        onEventId: (id) => {
          onActivity();
          lastEventId = id;
        },
        onOpen: () => {
          if (++timesOpened > 1 && lastEventId === '') onGap();
        },
      }),
    options,
  );
}
