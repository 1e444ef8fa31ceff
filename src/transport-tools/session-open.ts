import * as z from 'zod';
import { revision } from '../tools/blackboard/fields.ts';
import { ToolError } from '../tools/errors.ts';
import { ALL_SCOPES } from '../tools/families.ts';
import { defineTool, type ToolContext } from '../tools/tool.ts';
import { MAX_CLIENT_CHARS, sessionId, subscribedCell } from './fields.ts';
import { countSession, MAX_SUBSCRIPTIONS } from './session-room.ts';
import { MAX_SESSIONS, MAX_STREAMS, sweepSessions } from './session-store.ts';
import { subscribe } from './subscriptions.ts';

const annotations = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: false,
  openWorldHint: false,
} as const;
const opened = z.strictObject({ rev: revision().describe('Changes after this revision are notified.') });

/** Opens a session: `session` for MCP's 2025 revisions, `stream` for the 2024 revision, where it ends with its stream. */
export const sessionOpen = defineTool({
  name: 'session_open',
  title: 'Open a session',
  description: 'Registers a client that receives change notifications.',
  scope: 'any',
  cost: 1,
  // Allowed over the storage quota: sessions are bounded, and a client must be able to connect in order to delete data.
  grows: false,
  sweep: sweepSessions,
  annotations,
  input: z.strictObject({
    session_id: sessionId(),
    kind: z.enum(['session', 'stream']),
    client: z.string().max(MAX_CLIENT_CHARS).default('{}').describe('The parameters of initialize, as JSON.'),
  }),
  output: opened.extend({ scopes: z.array(z.enum(ALL_SCOPES)).describe('The scopes of the token.') }),
  log: { session_id: 'hash', kind: 'plain', client: 'length' },
  run: (args, context) => ({
    ...insertSession(context, { ...args, list_changed: true }),
    scopes: context.allowance().token.scopes,
  }),
});

/** Registers a stream without a session: `subscriptions/listen` in MCP's 2026-07-28 revision. */
export const streamOpen = defineTool({
  name: 'stream_open',
  title: 'Open a stream',
  description: 'Registers a notification stream and its subscriptions.',
  scope: 'blackboard:read',
  cost: 1,
  grows: false,
  annotations,
  input: z.strictObject({
    session_id: sessionId(),
    list_changed: z.boolean(),
    cells: z.array(subscribedCell()).max(MAX_SUBSCRIPTIONS),
  }),
  output: opened,
  log: { session_id: 'hash', list_changed: 'plain', cells: 'length' },
  run(args, context) {
    const answer = insertSession(context, { ...args, kind: 'stream', client: '{}' });
    subscribe(context, args.session_id, args.cells);
    return answer;
  },
});

interface NewSession {
  readonly session_id: string;
  readonly kind: 'session' | 'stream';
  readonly client: string;
  readonly list_changed: boolean;
}

function insertSession(context: ToolContext, session: NewSession): z.output<typeof opened> {
  endIdleSessions(context, session.kind);
  const rev = context.headRev();
  context.sql.exec(
    'INSERT INTO sessions (id, kind, principal, client, list_changed, rev, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    session.session_id,
    session.kind,
    context.author.principal,
    session.client,
    session.list_changed ? 1 : 0,
    rev,
    context.now,
  );
  countSession(context, session.session_id);
  return { rev };
}

/**
 * Ends the longest unused sessions of a kind if there are too many.
 * @throws ToolError `quota_exceeded` if all of them have a stream open
 */
function endIdleSessions({ sql }: ToolContext, kind: 'session' | 'stream'): void {
  const limit = kind === 'session' ? MAX_SESSIONS : MAX_STREAMS;
  const [existing] = sql.exec<{ count: number }>(
    'SELECT count(*) AS count FROM sessions WHERE kind = ?',
    kind,
  );
  const excess = (existing?.count ?? 0) - limit + 1;
  if (excess <= 0) return;
  const ended = sql.exec(
    `DELETE FROM sessions WHERE id IN
       (SELECT id FROM sessions WHERE kind = ? AND attached = 0 ORDER BY seen_at LIMIT ?) RETURNING id`,
    kind,
    excess,
  );
  if (ended.length >= excess) return;
  throw new ToolError(
    'quota_exceeded',
    `This tenant has ${limit} open streams, the most allowed. Close one first.`,
    {
      limit,
    },
  );
}
