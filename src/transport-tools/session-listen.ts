import * as z from 'zod';
import { defineTool } from '../tools/tool.ts';
import { sessionId } from './fields.ts';
import { requireSession } from './session-store.ts';

/** Admits the notification stream of a session: `GET /mcp` in MCP's 2025 revisions. */
export const sessionListen = defineTool({
  name: 'session_listen',
  title: 'Listen to a session',
  description: 'Admits the notification stream of a session.',
  scope: 'any',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({ session_id: sessionId() }),
  output: z.strictObject({}),
  log: { session_id: 'hash' },
  run({ session_id }, context) {
    requireSession(context, session_id);
    return {};
  },
});
