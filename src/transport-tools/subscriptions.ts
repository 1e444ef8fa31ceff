/** Subscriptions of sessions to cells: one for each cell, whatever URIs the client uses for it. */
import type * as z from 'zod';
import type { Sql, ToolContext } from '../tools/tool.ts';
import { type CellName, cellUri } from './cell-uri.ts';
import type { subscribedCell } from './fields.ts';
import { countSession } from './session-room.ts';

/**
 * Adds subscriptions to what is written from now on. A cell that the session is subscribed to already keeps its
 * subscription, and the URI of the first one: clients find the subscription of a notification by comparing URIs as
 * texts, so that a notification must have a URI that the client has used, and it has used that one.
 */
export function subscribe(
  context: ToolContext,
  sessionId: string,
  cells: readonly z.output<ReturnType<typeof subscribedCell>>[],
): void {
  const { sql, headRev } = context;
  for (const { uri, run_id, key } of cells) {
    sql.exec(
      'INSERT INTO subscriptions (session_id, run_id, key, uri, rev) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      sessionId,
      run_id,
      key,
      uri === cellUri({ run_id, key }) ? null : uri,
      headRev(),
    );
  }
  countSession(context, sessionId);
}

/** Ends the subscription to a cell, if there is one. */
export function unsubscribe(context: ToolContext, sessionId: string, { run_id, key }: CellName): void {
  context.sql.exec(
    'DELETE FROM subscriptions WHERE run_id = ? AND key = ? AND session_id = ?',
    run_id,
    key,
    sessionId,
  );
  countSession(context, sessionId);
}

export type Subscriber = { session_id: string; uri: string | null };

/** The sessions that were subscribed to a cell before revision `rev`. */
export function subscribersOf(sql: Sql, { run_id, key }: CellName, rev: number): Subscriber[] {
  return sql.exec<Subscriber>(
    'SELECT session_id, uri FROM subscriptions WHERE run_id = ? AND key = ? AND rev < ?',
    run_id,
    key,
    rev,
  );
}

export type Subscription = { run_id: string; key: string; uri: string | null; rev: number };

/** The subscriptions of a session, by board and key. */
export function subscriptionsOf(sql: Sql, sessionId: string): Subscription[] {
  return sql.exec<Subscription>(
    'SELECT run_id, key, uri, rev FROM subscriptions WHERE session_id = ? ORDER BY run_id, key',
    sessionId,
  );
}

/** The subscriptions of a session whose cells have changed after revision `since`, as far as events are kept. */
export function changedSubscriptions(sql: Sql, sessionId: string, since: number): Subscription[] {
  return sql.exec<Subscription>(
    `SELECT run_id, key, uri, rev FROM subscriptions AS s WHERE session_id = ?1 AND EXISTS (
       SELECT 1 FROM board_events AS v WHERE v.indexed = 1 AND v.run_id = s.run_id AND v.key = s.key AND v.rev > max(s.rev, ?2)
       UNION ALL SELECT 1 FROM board_events AS e
       WHERE e.indexed = 0 AND e.rev > max(s.rev, ?2, (SELECT rev FROM board_indexed)) AND e.run_id = s.run_id AND e.key = s.key
     ) ORDER BY run_id, key`,
    sessionId,
    since,
  );
}

/** The URI under which a session is notified of a cell. */
export const notifiedUri = ({ run_id, key, uri }: Omit<Subscription, 'rev'>) =>
  uri ?? cellUri({ run_id, key });
