import { isSpecType, type JSONRPCMessage, type SubscriptionFilter } from '@modelcontextprotocol/client';
import { changesOfEverything } from './change-notifications.ts';
import { keepStreamOpen, type ReconnectOptions } from './reconnect.ts';
import type { ClientMessage, RemoteServer, SendOptions } from './remote.ts';

/**
 * Sends a `subscriptions/listen` request of the 2026 revision, and sends it again each time its stream breaks. The
 * revision has no way to replay what was missed, so after each break the client is notified that everything it listens
 * to may have changed. Resolves when `signal` aborts, which the caller does once the server has answered the request.
 * @throws TransportFailure when the server refuses the request, now or later
 */
export async function holdListenRequest(
  remote: RemoteServer,
  request: ClientMessage & { readonly id: string | number },
  { onMessage, ...options }: Omit<SendOptions, 'session'> & ReconnectOptions,
): Promise<void> {
  let acknowledged: SubscriptionFilter | undefined;
  const failure = await keepStreamOpen(async (onActivity) => {
    const onEvent = (message: JSONRPCMessage) => {
      onActivity();
      const filter = isSpecType.SubscriptionsAcknowledgedNotification(message)
        ? message.params.notifications
        : undefined;
      const isRepeated = filter !== undefined && acknowledged !== undefined;
      acknowledged = filter ?? acknowledged;
      if (isRepeated) changesOfEverything(filter, request.id).forEach(onMessage);
      else onMessage(message);
    };
    try {
      await remote.post(request, { ...options, session: undefined, onMessage: onEvent });
    } catch (error) {
      // The client still waits for the acknowledgement: let it know at once.
      if (acknowledged === undefined) throw error;
      return remote.toFailure(error);
    }
    if (acknowledged === undefined) throw remote.unanswered();
    return remote.brokenStream();
  }, options);
  if (failure !== undefined) throw failure;
}
