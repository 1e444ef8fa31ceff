import { createApp } from '../../src/app.ts';
import { sweepers } from '../../src/catalogue.ts';
import { MetersObject } from '../../src/meters/object.ts';
import { TenantObject } from '../../src/tenant/object.ts';
import { fixtureCatalogue } from './fixture/catalogue.ts';
import { fixtureServer } from './fixture/server.ts';

export { Registry } from '../../src/registry/object.ts';

export class Tenant extends TenantObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, { catalogue: fixtureCatalogue, sweepers });
  }
}

export class Meters extends MetersObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, fixtureCatalogue);
  }
}

export default createApp({ catalogue: fixtureCatalogue, serve: fixtureServer });
