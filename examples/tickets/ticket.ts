import * as z from 'zod';
import { ToolError } from '../../src/tools/errors.ts';
import type { Scope } from '../../src/tools/tool.ts';

/**
 * What the tools have in common. In your copy they stand in `src/tools/tickets/`, the family `tickets` is declared in
 * `src/tools/families.ts`, and these are its scopes; here they are borrowed.
 */
export const READ: Scope = 'blackboard:read';
export const WRITE: Scope = 'blackboard:write';

/** The connection that the operator sets up: `tenant connection set ID tickets --kind postgres --database orders`. */
export const CONNECTIONS = { tickets: 'postgres' } as const;

export const MAX_SUBJECT = 200;
export const MAX_LISTED = 50;

export const ticket = z.strictObject({
  id: z.uuid(),
  subject: z.string(),
  status: z.enum(['open', 'closed']),
  opened_at: z.iso.datetime(),
});
export const tickets = z.array(ticket);

export const noSuchTicket = () =>
  new ToolError('unknown_handle', 'There is no open ticket with this id. Find it with tickets_list.');
