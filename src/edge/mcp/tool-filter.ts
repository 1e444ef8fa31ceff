import type { PublishedTools, ToolFilter } from '../../mcp/published-tools.ts';
import { fail, type Result, succeed } from '../../result.ts';
import type { HttpRefusal } from '../http/http-errors.ts';

/**
 * Reads `?tools=blackboard,scar` of the endpoint's URL, by which a client hides tools that its model does not need.
 * @returns the filter, or the refusal that names the families that exist
 */
export function parseToolFilter(url: string, tools: PublishedTools): Result<ToolFilter, HttpRefusal> {
  const query = url.indexOf('?');
  if (query === -1) return succeed(undefined);
  const named = new URLSearchParams(url.slice(query)).getAll('tools');
  if (named.length === 0) return succeed(undefined);
  const families = new Set(named.flatMap((names) => names.split(',')).map((name) => name.trim()));
  if ([...families].every((family) => tools.families.includes(family))) return succeed(families);
  const message = `tools must name families, comma-separated: ${tools.families.join(', ')}.`;
  return fail({ status: 400, code: 'unknown_family', message });
}
