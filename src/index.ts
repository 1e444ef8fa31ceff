import { createApp } from './app.ts';
import { catalogue, sweepers } from './catalogue.ts';
import { createServer } from './mcp/server.ts';
import { MetersObject } from './meters/object.ts';
import { TenantObject } from './tenant/object.ts';

export { Registry } from './registry/object.ts';

/** The Durable Object of one tenant, with the tools of this deployment. */
export class Tenant extends TenantObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, { catalogue, sweepers });
  }
}

/** The metrics of the deployment, with the tools by which they may be told apart. */
export class Meters extends MetersObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, catalogue);
  }
}

export default createApp({ catalogue, serve: createServer });
