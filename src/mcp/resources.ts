import {
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  type Server,
  type ServerContext,
} from '@modelcontextprotocol/server';
import * as z from 'zod';
import type { CallerInfo } from '../tenant/contract/call.ts';
import { CELL_URI_TEMPLATE, cellUri, parseCellUri } from '../transport-tools/cell-uri.ts';
import { resourcesSubscribe, resourcesUnsubscribe } from '../transport-tools/resource-subscribe.ts';
import { resourcesList, resourcesRead } from '../transport-tools/resources.ts';
import { askTenant, protocolError } from './ask-tenant.ts';
import { offersResources } from './published-tools.ts';
import { callerOf, onePageParams, pageParams, type ServerBinding } from './server-binding.ts';

const MIME_TYPE = 'application/json';
const TEMPLATE = {
  uriTemplate: CELL_URI_TEMPLATE,
  name: 'cell',
  title: 'Blackboard cell',
  description:
    'The value of one cell of the blackboard, as JSON. run_id is the board ("default"), key the cell.',
  mimeType: MIME_TYPE,
};

const readParams = z.object({ uri: z.string() });

/** Serves the cells of the blackboard as MCP resources. Each request is one call of an internal tool. */
export function serveResources(server: Server, binding: ServerBinding): void {
  const caller = ({ mcpReq }: ServerContext) => callerOf(binding, server, mcpReq);

  server.setRequestHandler('resources/list', { params: pageParams }, async (args, context) => {
    const outcome = await askTenant(binding, resourcesList, args, caller(context));
    if (!outcome.ok) throw protocolError(outcome.error);
    const { entries, next_cursor } = outcome.value;
    const resources = entries.map((entry) => ({
      uri: cellUri(entry),
      name: `${entry.run_id}/${entry.key}`,
      mimeType: MIME_TYPE,
      size: entry.bytes,
      annotations: { lastModified: entry.updated_at },
    }));
    return { resources, ...(next_cursor === undefined ? {} : { nextCursor: next_cursor }) };
  });

  server.setRequestHandler('resources/templates/list', { params: onePageParams }, () => ({
    resourceTemplates:
      binding.scopes.includes('blackboard:read') && offersResources(binding.toolFilter) ? [TEMPLATE] : [],
  }));

  server.setRequestHandler('resources/read', { params: readParams }, async ({ uri }, context) => {
    const cell = parseCellUri(uri);
    if (cell === undefined) throw new ResourceNotFoundError(uri);
    const asker = caller(context);
    const outcome = await askTenant(binding, resourcesRead, { ...cell }, asker);
    // Refused arguments are a name that no cell can have.
    if (!outcome.ok && outcome.error.code === 'invalid_input') throw notFound(uri, asker);
    if (!outcome.ok) throw protocolError(outcome.error);
    const { json } = outcome.value;
    if (json === undefined) throw notFound(uri, asker);
    return { contents: [{ uri, mimeType: MIME_TYPE, text: json }] };
  });

  const subscription =
    (tool: typeof resourcesSubscribe | typeof resourcesUnsubscribe) =>
    async ({ uri }: z.output<typeof readParams>, context: ServerContext) => {
      const cell = parseCellUri(uri);
      if (cell === undefined) throw new ResourceNotFoundError(uri);
      const named = tool === resourcesSubscribe ? { uri, ...cell } : cell;
      const args = { session_id: requireSession(binding), ...named };
      const asker = caller(context);
      const outcome = await askTenant(binding, tool, args, asker);
      if (!outcome.ok && outcome.error.code === 'invalid_input') throw notFound(uri, asker);
      if (!outcome.ok) throw protocolError(outcome.error);
      return {};
    };
  server.setRequestHandler('resources/subscribe', { params: readParams }, subscription(resourcesSubscribe));
  server.setRequestHandler(
    'resources/unsubscribe',
    { params: readParams },
    subscription(resourcesUnsubscribe),
  );
}

/** A resource that the tenant was asked for and does not have. Its call is in the log, under the trace id. */
function notFound(uri: string, { trace }: CallerInfo): ProtocolError {
  const { code, message, data } = new ResourceNotFoundError(uri);
  return new ProtocolError(code, message, { ...Object(data), trace_id: trace.traceId });
}

function requireSession({ sessionId }: ServerBinding): string {
  if (sessionId !== undefined) return sessionId;
  const message =
    'Subscriptions belong to a session. Send initialize, then send its Mcp-Session-Id with each request.';
  throw new ProtocolError(ProtocolErrorCode.InvalidRequest, message);
}
