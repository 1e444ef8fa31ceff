import * as z from 'zod';
import { createApp } from '../../../src/app.ts';
import { sweepers } from '../../../src/catalogue.ts';
import { createServer } from '../../../src/mcp/server.ts';
import { MetersObject } from '../../../src/meters/object.ts';
import { TenantObject } from '../../../src/tenant/object.ts';
import { createCatalogue, TOOLS } from '../../../src/tools/catalogue.ts';
import { text } from '../../../src/tools/fields.ts';
import { defineRemoteTool } from '../../../src/tools/remote-tool.ts';
import { TRANSPORT_TOOLS } from '../../../src/transport-tools/catalogue.ts';

export { Registry } from '../../../src/registry/object.ts';

/** The Worker with a tool that reaches a service of its tenant, so that a hostile one can be put behind it. */

const fetches = defineRemoteTool({
  kind: 'remote',
  name: 'scar_fetch',
  title: 'Fetch',
  description: 'Sends a request to the service behind the connection of the benchmark.',
  scope: 'scar:read',
  cost: 1,
  asks: false,
  connections: { crm: 'http' },
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  input: z.strictObject({ path: text(1, 100) }),
  output: z.strictObject({ status: z.int() }),
  log: { path: 'plain' },
  run: async ({ path }, { connection }) => {
    const { status } = await connection('crm').fetch(path);
    return { status };
  },
});
const catalogue = createCatalogue([...TOOLS, fetches], TRANSPORT_TOOLS);

export class Tenant extends TenantObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, { catalogue, sweepers });
  }
}

export class Meters extends MetersObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, catalogue);
  }
}

export default createApp({ catalogue, serve: createServer });
