import * as z from 'zod';
import { revision } from '../tools/blackboard/fields.ts';
import { ToolError } from '../tools/errors.ts';
import { defineTool, type ToolContext } from '../tools/tool.ts';
import { MAX_CLIENT_CHARS, sessionId, watchedCell } from './fields.ts';
import { MAX_SESSIONS, MAX_STREAMS, MAX_SUBSCRIPTIONS, sweepSessions } from './session-store.ts';
import { subscribe } from './subscriptions.ts';

const annotations = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: false,
  openWorldHint: false,
} as const;
const opened = z.strictObject({ rev: revision().describe('What comes later will be told.') });

/** Opens a session of MCP's 2025 revisions, or of the older ones, in which it ends with its stream. */
export const sessionOpen = defineTool({
  name: 'session_open',
  title: 'Open a session',
  description: 'Notes a client that wants to be told of changes, and what it wants to be told of.',
  scope: 'any',
  cost: 1,
  // Bounded in number and size, and an agent must be able to connect in order to make room.
  grows: false,
  sweep: sweepSessions,
  annotations,
  input: z.strictObject({
    session_id: sessionId(),
    kind: z.enum(['session', 'stream']),
    client: z.string().max(MAX_CLIENT_CHARS).default('{}').describe('The parameters of initialize, as JSON.'),
  }),
  output: opened,
  log: { session_id: 'hash', kind: 'plain', client: 'length' },
  run: (args, context) => insertSession(context, { ...args, list_changed: true }),
});

/** Notes who listens on a stream of its own: the `subscriptions/listen` of MCP's 2026-07-28 revision. */
export const streamOpen = defineTool({
  name: 'stream_open',
  title: 'Open a stream',
  description: 'Notes a client that listens on one stream, and what it wants to be told of.',
  scope: 'blackboard:read',
  cost: 1,
  grows: false,
  annotations,
  input: z.strictObject({
    session_id: sessionId(),
    list_changed: z.boolean(),
    cells: z.array(watchedCell()).max(MAX_SUBSCRIPTIONS),
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
  makeRoom(context, session.kind);
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
  return { rev };
}

/** Ends what nobody uses any more when there are too many; refuses a stream when all of them are in use. */
function makeRoom({ sql }: ToolContext, kind: 'session' | 'stream'): void {
  const most = kind === 'session' ? MAX_SESSIONS : MAX_STREAMS;
  const [taken] = sql.exec<{ count: number }>('SELECT count(*) AS count FROM sessions WHERE kind = ?', kind);
  const excess = (taken?.count ?? 0) - most + 1;
  if (excess <= 0) return;
  const ended = sql.exec(
    `DELETE FROM sessions WHERE id IN
       (SELECT id FROM sessions WHERE kind = ? AND attached = 0 ORDER BY seen_at LIMIT ?) RETURNING id`,
    kind,
    excess,
  );
  if (ended.length >= excess) return;
  throw new ToolError('quota_exceeded', `A tenant can have ${most} streams open at once; close one first.`, {
    limit: most,
  });
}
