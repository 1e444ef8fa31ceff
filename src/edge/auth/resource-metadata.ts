import type { Context } from 'hono';
import { familyOf, SCOPES } from '../../tools/families.ts';
import { ownOrigin } from '../http/host.ts';
import type { AppEnv } from '../http/isolate.ts';

/** Protected resource metadata (RFC 9728) and the challenges that point to it. */

export const RESOURCE_METADATA_PATH = '/.well-known/oauth-protected-resource';

/** The endpoints that need a token of MCP clients. Each has metadata of its own (RFC 9728, section 3.1). */
export const RESOURCES = ['/mcp', '/sse'] as const;

/** The metadata of one resource. Where nobody can sign in, tokens come from the operator and no authorization server is named. */
export function resourceMetadata(c: Context<AppEnv>, path: (typeof RESOURCES)[number]) {
  const origin = ownOrigin(c);
  return {
    resource: `${origin}${path}`,
    ...(c.var.isolate.config.oauth === undefined ? {} : { authorization_servers: [origin] }),
    resource_name: 'Bulkhead',
    bearer_methods_supported: ['header'],
    scopes_supported: SCOPES,
  };
}

/** The scopes that a client should ask for: those of the families that its URL names, or those of all families. */
function scopesFor(tools: string | undefined): string {
  const families = (tools ?? '').split(',').map((name) => familyOf({ name: name.trim() }));
  const named = SCOPES.filter((scope) => families.some((family) => scope.startsWith(`${family}:`)));
  return (named.length === 0 ? SCOPES : named).join(' ');
}

/** A `WWW-Authenticate` header (RFC 6750, section 3) that names the metadata of the requested resource. */
export function challenge(
  c: Context<AppEnv>,
  fields: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const resource = RESOURCES.find((path) => path === c.req.path) ?? '/mcp';
  const resource_metadata = `${ownOrigin(c)}${RESOURCE_METADATA_PATH}${resource}`;
  const scope =
    fields.scope === undefined && c.var.isolate.config.oauth !== undefined
      ? { scope: scopesFor(c.req.query('tools')) }
      : {};
  const parameters = Object.entries({ ...fields, ...scope, resource_metadata }).map(
    ([name, value]) => `${name}="${value}"`,
  );
  return { 'WWW-Authenticate': `Bearer ${parameters.join(', ')}` };
}
