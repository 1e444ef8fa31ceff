import { createApp } from './app.ts';
import { catalogue, sweepers } from './catalogue.ts';
import { createServer } from './mcp/server.ts';
import { TenantObject } from './tenant/object.ts';

export { Registry } from './registry/object.ts';

/** The Durable Object of one tenant, with the tools of this deployment. */
export class Tenant extends TenantObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, { catalogue, sweepers });
  }
}

export default createApp({ catalogue, serve: createServer });
