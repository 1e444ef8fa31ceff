import * as z from 'zod';
import { defineTool } from '../tools/tool.ts';
import { sessionId, watchedCell } from './fields.ts';
import { requireSession } from './session-store.ts';
import { subscribe } from './subscriptions.ts';

const annotations = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
} as const;

/** What answers MCP's `resources/subscribe`: the cell need not be there yet. */
export const resourcesSubscribe = defineTool({
  name: 'resources_subscribe',
  title: 'Subscribe to a cell',
  description: 'Tells a session of every change of one cell from now on.',
  scope: 'blackboard:read',
  cost: 1,
  grows: false,
  annotations,
  input: watchedCell().extend({ session_id: sessionId() }),
  output: z.strictObject({}),
  log: { session_id: 'hash', uri: 'length', run_id: 'plain', key: 'plain' },
  run({ session_id, ...cell }, context) {
    requireSession(context, session_id);
    subscribe(context, session_id, [cell]);
    return {};
  },
});

/** What answers MCP's `resources/unsubscribe`. */
export const resourcesUnsubscribe = defineTool({
  name: 'resources_unsubscribe',
  title: 'Unsubscribe from a cell',
  description: 'Tells a session no more of one cell.',
  scope: 'blackboard:read',
  cost: 1,
  grows: false,
  annotations,
  input: watchedCell().pick({ uri: true }).extend({ session_id: sessionId() }),
  output: z.strictObject({}),
  log: { session_id: 'hash', uri: 'length' },
  run({ session_id, uri }, context) {
    requireSession(context, session_id);
    context.sql.exec('DELETE FROM subscriptions WHERE session_id = ? AND uri = ?', session_id, uri);
    return {};
  },
});
