import * as z from 'zod';
import { defineRemoteTool } from '../../src/tools/remote-tool.ts';
import { CONNECTIONS, noSuchTicket, ticket, WRITE } from './ticket.ts';

export const ticketsClose = defineRemoteTool({
  kind: 'remote',
  name: 'tickets_close',
  title: 'Close a ticket',
  description: 'Closes an open ticket.',
  scope: WRITE,
  cost: 3,
  asks: false,
  connections: CONNECTIONS,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({ id: z.uuid().describe('The id of the ticket.') }),
  output: z.strictObject({ ticket }),
  log: { id: 'plain' },
  run: async ({ id }, { connection }) => {
    const { sql } = connection('tickets');
    const [row] = await sql`
      UPDATE tickets SET status = 'closed', closed_at = now() WHERE id = ${id} AND status = 'open'
      RETURNING id, subject, status, opened_at`;
    if (row === undefined) throw noSuchTicket();
    return { ticket: ticket.parse(row) };
  },
});
