import {
  type JSONRPCNotification,
  type RequestId,
  SUBSCRIPTION_ID_META_KEY,
} from '@modelcontextprotocol/client';

/**
 * Notifications that say that something may have changed, for the time in which nobody was told. A client reads anew
 * what it is told of, so one too many does no harm. `subscription` is the `subscriptions/listen` that asked for it.
 */
const meta = (subscription: RequestId | undefined) =>
  subscription === undefined ? {} : { _meta: { [SUBSCRIPTION_ID_META_KEY]: subscription } };

export function resourceUpdated(uri: string, subscription?: RequestId): JSONRPCNotification {
  return {
    jsonrpc: '2.0',
    method: 'notifications/resources/updated',
    params: { uri, ...meta(subscription) },
  };
}

export function listChanged(
  what: 'resources' | 'tools' | 'prompts',
  subscription?: RequestId,
): JSONRPCNotification {
  return { jsonrpc: '2.0', method: `notifications/${what}/list_changed`, params: meta(subscription) };
}
