import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { admin } from './edge/admin/admin.ts';
import { operatorOnly } from './edge/admin/guard.ts';
import { deepHealth, healthOfSettings, openHealth } from './edge/admin/health.ts';
import { memberApprovals } from './edge/admin/member-approvals.ts';
import { memberConnections } from './edge/admin/member-connections.ts';
import { memberTokens } from './edge/admin/member-tokens.ts';
import { openApi } from './edge/api/openapi.ts';
import { recordsApi } from './edge/api/records.ts';
import { toolsApi } from './edge/api/tools.ts';
import { limitAnonymous } from './edge/auth/authenticate.ts';
import { RESOURCE_METADATA_PATH, RESOURCES, resourceMetadata } from './edge/auth/resource-metadata.ts';
import { OPERATOR_HOME } from './edge/console/layout.tsx';
import { operatorPages } from './edge/console/operator/routes.ts';
import { consolePages } from './edge/console/routes.ts';
import { boundary, notFound, prepare } from './edge/http/boundary.ts';
import { getDocument } from './edge/http/documents.ts';
import { ownHost } from './edge/http/host.ts';
import { rpcRefusal } from './edge/http/http-errors.ts';
import type { AppEnv, Served } from './edge/http/isolate.ts';
import { allowOrigin } from './edge/http/origin.ts';
import { welcome } from './edge/http/welcome.ts';
import { handleMcp } from './edge/mcp/endpoint.ts';
import { handleMessages, handleSse } from './edge/mcp/era-2024.ts';
import { oauth } from './edge/oauth/routes.ts';

/** Recognised without parsing the URL, which nearly every request would pay for. */
const CANONICAL = /^https?:\/\/[^/\\?#]+\/mcp(?:\?|$)/;

/** Clients are given `/mcp/` and `//mcp` by hand: both are the MCP endpoint. */
function pathOf(request: Request): string {
  if (CANONICAL.test(request.url)) return '/mcp';
  const { pathname } = new URL(request.url);
  return /^\/+mcp\/*$/.test(pathname) ? '/mcp' : pathname;
}

/** The Worker's routes. */
export function createApp(served: Served) {
  const app = new Hono<AppEnv>({ getPath: pathOf });
  app.onError(boundary);
  app.notFound(notFound);
  app.get('/health', healthOfSettings(served));
  app.use(prepare(served));
  app.use(ownHost);
  app.get('/', welcome);
  app.get('/docs/:name', getDocument);
  app.get('/health', openHealth, operatorOnly, deepHealth);
  // A page that has no token yet may read from any origin where to get one.
  app.use(`${RESOURCE_METADATA_PATH}/*`, cors());
  app.get(RESOURCE_METADATA_PATH, (c) => c.json(resourceMetadata(c, '/mcp')));
  for (const path of RESOURCES) {
    app.get(`${RESOURCE_METADATA_PATH}${path}`, (c) => c.json(resourceMetadata(c, path)));
  }
  app.route('/', oauth);
  app.get('/openapi.json', limitAnonymous, (c) =>
    c.body(openApi(), 200, { 'content-type': 'application/json' }),
  );
  app.all('/mcp', allowOrigin(['GET', 'POST', 'DELETE', 'OPTIONS'], rpcRefusal), handleMcp);
  app.all('/sse', allowOrigin(['GET', 'OPTIONS'], rpcRefusal), handleSse);
  app.all('/messages', allowOrigin(['POST', 'OPTIONS'], rpcRefusal), handleMessages);
  app.route('/v1', toolsApi);
  app.route('/v1', recordsApi);
  app.route('/v1', memberConnections);
  app.route('/v1', memberTokens);
  app.route('/v1', memberApprovals);
  app.route('/admin', admin);
  app.route(OPERATOR_HOME, operatorPages);
  app.route('/console', consolePages);
  return app;
}
