import { createApp } from './app.ts';
import { createServer } from './mcp/server.ts';
import { catalogue } from './tools/catalogue.ts';

export { Registry } from './registry/object.ts';
export { Tenant } from './tenant/object.ts';

export default createApp({ catalogue, serve: createServer });
