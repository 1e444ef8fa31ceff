import * as z from 'zod';
import { defineRemoteTool } from '../../src/tools/remote-tool.ts';
import { CONNECTIONS, MAX_LISTED, READ, tickets } from './ticket.ts';

/** "All open tickets" are those of the tenant that calls: the statement says nothing of tenants. */
export const ticketsList = defineRemoteTool({
  kind: 'remote',
  name: 'tickets_list',
  title: 'List tickets',
  description: 'Lists tickets, the newest first. Use it before you open one.',
  scope: READ,
  cost: 2,
  asks: false,
  connections: CONNECTIONS,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    status: z.enum(['open', 'closed']).default('open'),
    limit: z.int().min(1).max(MAX_LISTED).default(20),
  }),
  output: z.strictObject({ tickets }),
  log: { status: 'plain', limit: 'plain' },
  run: async ({ status, limit }, { connection }) => {
    const { sql } = connection('tickets');
    const rows = await sql`
      SELECT id, subject, status, opened_at FROM tickets
      WHERE status = ${status} ORDER BY opened_at DESC, id LIMIT ${limit}`;
    return { tickets: tickets.parse(rows) };
  },
});
