import * as z from 'zod';
import { defineTool } from '../tools/tool.ts';
import { sessionId } from './fields.ts';
import { sessionTopic } from './session-store.ts';

/** Ends a session and all of its subscriptions. Free: it only gives back. */
export const sessionClose = defineTool({
  name: 'session_close',
  title: 'Close a session',
  description: 'Forgets a client that wanted to be told of changes, and what it wanted to be told of.',
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
