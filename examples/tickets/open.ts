import * as z from 'zod';
import { text } from '../../src/tools/fields.ts';
import { defineRemoteTool } from '../../src/tools/remote-tool.ts';
import { CONNECTIONS, MAX_SUBJECT, ticket, WRITE } from './ticket.ts';

/** `readOnlyHint: false` is what lets its statements write. The column of the tenant fills itself. */
export const ticketsOpen = defineRemoteTool({
  kind: 'remote',
  name: 'tickets_open',
  title: 'Open a ticket',
  description: 'Opens a ticket. Look for an open one first, with tickets_search.',
  scope: WRITE,
  cost: 3,
  asks: false,
  connections: CONNECTIONS,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input: z.strictObject({ subject: text(1, MAX_SUBJECT) }),
  output: z.strictObject({ ticket }),
  log: { subject: 'length' },
  run: async ({ subject }, { connection }) => {
    const { sql } = connection('tickets');
    const [row] = await sql`
      INSERT INTO tickets (subject) VALUES (${subject}) RETURNING id, subject, status, opened_at`;
    return { ticket: ticket.parse(row) };
  },
});
