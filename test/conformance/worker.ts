import { createApp } from '../../src/app.ts';
import { Tenant as ProductionTenant } from '../../src/tenant/object.ts';
import type { Catalogue } from '../../src/tools/catalogue.ts';
import { fixtureCatalogue } from './fixture/catalogue.ts';
import { fixtureServer } from './fixture/server.ts';

export { Registry } from '../../src/registry/object.ts';

export class Tenant extends ProductionTenant {
  override get catalogue(): Catalogue {
    return fixtureCatalogue;
  }
}

export default createApp({ catalogue: fixtureCatalogue, serve: fixtureServer });
