import * as z from 'zod';
import { ticketsClose } from '../../../examples/tickets/close.ts';
import { ticketsList } from '../../../examples/tickets/list.ts';
import { ticketsOpen } from '../../../examples/tickets/open.ts';
import { ticketsSearch } from '../../../examples/tickets/search.ts';
import { CONNECTIONS, WRITE } from '../../../examples/tickets/ticket.ts';
import { createApp } from '../../../src/app.ts';
import { catalogue, sweepers } from '../../../src/catalogue.ts';
import { createServer } from '../../../src/mcp/server.ts';
import { MetersObject } from '../../../src/meters/object.ts';
import { TenantObject } from '../../../src/tenant/object.ts';
import { createCatalogue } from '../../../src/tools/catalogue.ts';
import { defineRemoteTool } from '../../../src/tools/remote-tool.ts';
import { TRANSPORT_TOOLS } from '../../../src/transport-tools/catalogue.ts';

export { Registry } from '../../../src/registry/object.ts';

/** A tool as nobody should write one: it pastes its argument into SQL. */
const careless = defineRemoteTool({
  kind: 'remote',
  name: 'careless_sql',
  title: 'Careless',
  description: 'Pastes its argument into SQL.',
  scope: WRITE,
  cost: 1,
  asks: false,
  connections: CONNECTIONS,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  input: z.strictObject({ subject: z.string().max(10_000) }),
  output: z.strictObject({ rows: z.array(z.record(z.string(), z.unknown())) }),
  log: { subject: 'omit' },
  run: async ({ subject }, { connection }) => ({
    rows: [
      ...(await connection('tickets').sql.query(`SELECT subject FROM tickets WHERE subject = '${subject}'`)),
    ],
  }),
});

/** The tools of production, the example on a database that all tenants share, and the careless tool. */
const tools = createCatalogue(
  [...catalogue.tools, ticketsOpen, ticketsList, ticketsSearch, ticketsClose, careless],
  TRANSPORT_TOOLS,
);

export class Tenant extends TenantObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, { catalogue: tools, sweepers });
  }
}

export class Meters extends MetersObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, tools);
  }
}

export default createApp({ catalogue: tools, serve: createServer });
