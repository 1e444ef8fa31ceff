import type * as z from 'zod';
import { ToolError } from '../tools/errors.ts';
import type { ToolContext } from '../tools/tool.ts';
import type { subscribedCell } from './fields.ts';
import { MAX_SUBSCRIPTIONS } from './session-store.ts';

/**
 * Subscribes a session to cells, for changes after the current revision. Existing subscriptions do not change.
 * @throws ToolError `too_large` if the session would have more than `MAX_SUBSCRIPTIONS`
 */
export function subscribe(
  { sql, headRev }: ToolContext,
  sessionId: string,
  cells: readonly z.output<ReturnType<typeof subscribedCell>>[],
): void {
  for (const { uri, run_id, key } of cells) {
    sql.exec(
      'INSERT INTO subscriptions (session_id, uri, run_id, key, rev) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      sessionId,
      uri,
      run_id,
      key,
      headRev(),
    );
  }
  const [existing] = sql.exec<{ count: number }>(
    'SELECT count(*) AS count FROM subscriptions WHERE session_id = ?',
    sessionId,
  );
  if ((existing?.count ?? 0) <= MAX_SUBSCRIPTIONS) return;
  const message = `A client can be subscribed to at most ${MAX_SUBSCRIPTIONS} resources. Unsubscribe from one first.`;
  throw new ToolError('too_large', message, { limit: MAX_SUBSCRIPTIONS });
}
