import {
  type JSONRPCNotification,
  type RequestId,
  SUBSCRIPTION_ID_META_KEY,
  type SubscriptionFilter,
} from '@modelcontextprotocol/client';

/**
 * One notification for everything that a client follows. The bridge sends them after a gap in a stream that the server
 * cannot replay: clients read a resource again after a notification, so a superfluous one does no harm.
 * @param subscription the id of the `subscriptions/listen` request, which the notifications of the 2026 revision name
 */
export function changesOfEverything(
  filter: SubscriptionFilter,
  subscription?: RequestId,
): JSONRPCNotification[] {
  const meta = subscription === undefined ? {} : { _meta: { [SUBSCRIPTION_ID_META_KEY]: subscription } };
  const notification = (method: string, params: object = {}): JSONRPCNotification => ({
    jsonrpc: '2.0',
    method: `notifications/${method}`,
    params: { ...params, ...meta },
  });
  return [
    ...(filter.resourceSubscriptions ?? []).map((uri) => notification('resources/updated', { uri })),
    ...(filter.resourcesListChanged ? [notification('resources/list_changed')] : []),
    ...(filter.toolsListChanged ? [notification('tools/list_changed')] : []),
    ...(filter.promptsListChanged ? [notification('prompts/list_changed')] : []),
  ];
}
