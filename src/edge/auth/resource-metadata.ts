import type { Context } from 'hono';
import { SCOPES } from '../../tools/tool.ts';
import { ownOrigin } from '../http/host.ts';
import type { AppEnv } from '../http/isolate.ts';

/** Protected resource metadata (RFC 9728) and the challenges that point to it. */

export const RESOURCE_METADATA_PATH = '/.well-known/oauth-protected-resource';

/** The endpoints that need a token of MCP clients. Each has metadata of its own (RFC 9728, section 3.1). */
export const RESOURCES = ['/mcp', '/sse'] as const;

/** The metadata of one resource. Tokens come from the operator, so no authorization server is named. */
export function resourceMetadata(resource: string) {
  return {
    resource,
    resource_name: 'Bulkhead',
    bearer_methods_supported: ['header'],
    scopes_supported: SCOPES,
  };
}

/** A `WWW-Authenticate` header (RFC 6750, section 3) that names the metadata of the requested resource. */
export function challenge(
  c: Context<AppEnv>,
  fields: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const resource = RESOURCES.find((path) => path === c.req.path) ?? '/mcp';
  const resource_metadata = `${ownOrigin(c)}${RESOURCE_METADATA_PATH}${resource}`;
  const parameters = Object.entries({ ...fields, resource_metadata }).map(
    ([name, value]) => `${name}="${value}"`,
  );
  return { 'WWW-Authenticate': `Bearer ${parameters.join(', ')}` };
}
