import * as z from 'zod';
import { defineTool } from '../tools/tool.ts';
import { sessionId } from './fields.ts';
import { sessionTopic } from './session-store.ts';

/** Ends a session with its subscriptions and its open stream. Free of charge, because it only releases resources. */
export const sessionClose = defineTool({
  name: 'session_close',
  title: 'Close a session',
  description: 'Ends a session and deletes its subscriptions.',
  scope: 'any',
  cost: 0,
  grows: false,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({ session_id: sessionId() }),
  output: z.strictObject({ closed: z.boolean() }),
  log: { session_id: 'hash' },
  run: ({ session_id }, { sql, author, touch }) => {
    const ended = sql.exec(
      'DELETE FROM sessions WHERE id = ? AND principal = ? RETURNING id',
      session_id,
      author.principal,
    );
    if (ended.length > 0) touch(sessionTopic(session_id));
    return { closed: ended.length > 0 };
  },
});
