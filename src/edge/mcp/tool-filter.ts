import type { PublishedTools, ToolFilter } from '../../mcp/published-tools.ts';
import type { HttpRefusal } from '../http/http-errors.ts';

/**
 * Reads `?tools=blackboard,scar` of the endpoint's URL: a client that needs few tools spares its model the others.
 * @returns the families named, or the refusal that says which there are
 */
export function narrowing(url: string, tools: PublishedTools): { families: ToolFilter } | HttpRefusal {
  const query = url.indexOf('?');
  if (query === -1) return { families: undefined };
  const named = new URLSearchParams(url.slice(query)).getAll('tools');
  if (named.length === 0) return { families: undefined };
  const families = new Set(named.flatMap((names) => names.split(',')).map((name) => name.trim()));
  if ([...families].every((family) => tools.families.includes(family))) return { families };
  const message = `tools must name families, comma-separated: ${tools.families.join(', ')}.`;
  return { status: 400, code: 'unknown_family', message };
}
