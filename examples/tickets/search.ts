import * as z from 'zod';
import { text } from '../../src/tools/fields.ts';
import { defineRemoteTool } from '../../src/tools/remote-tool.ts';
import { CONNECTIONS, MAX_LISTED, MAX_SUBJECT, READ, tickets } from './ticket.ts';

export const ticketsSearch = defineRemoteTool({
  kind: 'remote',
  name: 'tickets_search',
  title: 'Search tickets',
  description: 'Finds tickets whose subject contains a text, open and closed.',
  scope: READ,
  cost: 3,
  asks: false,
  connections: CONNECTIONS,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    query: text(1, MAX_SUBJECT).describe('Part of the subject; upper and lower case are alike.'),
    limit: z.int().min(1).max(MAX_LISTED).default(20),
  }),
  output: z.strictObject({ tickets }),
  log: { query: 'length', limit: 'plain' },
  run: async ({ query, limit }, { connection }) => {
    const { sql } = connection('tickets');
    const rows = await sql`
      SELECT id, subject, status, opened_at FROM tickets
      WHERE position(lower(${query}) IN lower(subject)) > 0 ORDER BY opened_at DESC, id LIMIT ${limit}`;
    return { tickets: tickets.parse(rows) };
  },
});
