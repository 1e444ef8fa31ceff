import * as z from 'zod';
import { defineTool } from '../tools/tool.ts';
import { sessionId, subscribedCell } from './fields.ts';
import { requireSession } from './session-store.ts';
import { subscribe } from './subscriptions.ts';

const annotations = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
} as const;

/** Serves MCP's `resources/subscribe`. The cell does not have to exist yet. */
export const resourcesSubscribe = defineTool({
  name: 'resources_subscribe',
  title: 'Subscribe to a cell',
  description: 'Notifies a session of every later change of one cell.',
  scope: 'blackboard:read',
  cost: 1,
  grows: false,
  annotations,
  input: subscribedCell().extend({ session_id: sessionId() }),
  output: z.strictObject({}),
  log: { session_id: 'hash', uri: 'length', run_id: 'plain', key: 'plain' },
  run({ session_id, ...cell }, context) {
    requireSession(context, session_id);
    subscribe(context, session_id, [cell]);
    return {};
  },
});

/** Serves MCP's `resources/unsubscribe`. */
export const resourcesUnsubscribe = defineTool({
  name: 'resources_unsubscribe',
  title: 'Unsubscribe from a cell',
  description: 'Ends a subscription to one cell.',
  scope: 'blackboard:read',
  cost: 1,
  grows: false,
  annotations,
  input: subscribedCell().pick({ uri: true }).extend({ session_id: sessionId() }),
  output: z.strictObject({}),
  log: { session_id: 'hash', uri: 'length' },
  run({ session_id, uri }, context) {
    requireSession(context, session_id);
    context.sql.exec('DELETE FROM subscriptions WHERE session_id = ? AND uri = ?', session_id, uri);
    return {};
  },
});
