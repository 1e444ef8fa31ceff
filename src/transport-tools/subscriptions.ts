import type * as z from 'zod';
import { ToolError } from '../tools/errors.ts';
import type { ToolContext } from '../tools/tool.ts';
import type { watchedCell } from './fields.ts';
import { MAX_SUBSCRIPTIONS } from './session-store.ts';

/** Adds subscriptions from this revision on; one that is there stays as it is. */
export function subscribe(
  { sql, headRev }: ToolContext,
  sessionId: string,
  cells: readonly z.output<ReturnType<typeof watchedCell>>[],
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
  const [taken] = sql.exec<{ count: number }>(
    'SELECT count(*) AS count FROM subscriptions WHERE session_id = ?',
    sessionId,
  );
  if ((taken?.count ?? 0) <= MAX_SUBSCRIPTIONS) return;
  const message = `One client can subscribe to ${MAX_SUBSCRIPTIONS} resources; unsubscribe from one first.`;
  throw new ToolError('too_large', message, { limit: MAX_SUBSCRIPTIONS });
}
