import * as z from 'zod';
import { defineTool } from '../tools/tool.ts';
import { sessionId, subscribedCell } from './fields.ts';
import { requireSession } from './session-store.ts';
import { subscribe, unsubscribe } from './subscriptions.ts';

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

/** Serves MCP's `resources/unsubscribe`, under whatever URI the client names the cell. */
export const resourcesUnsubscribe = defineTool({
  name: 'resources_unsubscribe',
  title: 'Unsubscribe from a cell',
  description: 'Ends a subscription to one cell.',
  scope: 'blackboard:read',
  cost: 1,
  grows: false,
  annotations,
  input: subscribedCell().omit({ uri: true }).extend({ session_id: sessionId() }),
  output: z.strictObject({}),
  log: { session_id: 'hash', run_id: 'plain', key: 'plain' },
  run({ session_id, ...cell }, context) {
    requireSession(context, session_id);
    unsubscribe(context, session_id, cell);
    return {};
  },
});
