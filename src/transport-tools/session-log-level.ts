import * as z from 'zod';
import { defineTool } from '../tools/tool.ts';
import { sessionId } from './fields.ts';
import { requireSession } from './session-store.ts';

/** The levels of RFC 5424, as MCP names them. */
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;

/** Serves MCP's `logging/setLevel`. The level is stored, because later requests of the session may reach other machines. */
export const sessionLogLevel = defineTool({
  name: 'session_log_level',
  title: 'Set the log level of a session',
  description: 'Sets the minimum level of the log messages that a session receives.',
  scope: 'any',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({ session_id: sessionId(), level: z.enum(LEVELS) }),
  output: z.strictObject({}),
  log: { session_id: 'hash', level: 'plain' },
  run({ session_id, level }, context) {
    requireSession(context, session_id);
    context.sql.exec('UPDATE sessions SET log_level = ? WHERE id = ?', level, session_id);
    return {};
  },
});
