import type { PublishedTools, ToolFilter } from '../../mcp/published-tools.ts';
import { fail, type Result, succeed } from '../../result.ts';
import type { HttpRefusal } from '../http/http-errors.ts';

/**
 * Reads `?tools=blackboard_read,scar` and `?read_only=true` of the endpoint's URL, by which a client narrows what it is
 * served to tools, to families of tools, and to what only reads. It never widens what the token may do.
 * @returns the filter, or the refusal that names what exists
 */
export function parseToolFilter(url: string, tools: PublishedTools): Result<ToolFilter, HttpRefusal> {
  const query = url.indexOf('?');
  if (query === -1) return succeed(undefined);
  const parameters = new URLSearchParams(url.slice(query));
  const readOnly = parameters.getAll('read_only');
  if (readOnly.some((value) => value !== 'true' && value !== 'false')) return fail(UNKNOWN_READ_ONLY);
  const named = parameters.getAll('tools');
  const words = named.flatMap((names) => names.split(',')).map((name) => name.trim());
  const filter = named.length === 0 ? undefined : tools.select(words);
  if (named.length > 0 && filter === undefined) {
    const message = `tools must name families or tools, comma-separated. The families are ${tools.families.join(', ')}; tools/list names the tools.`;
    return fail({ status: 400, code: 'unknown_family', message });
  }
  return succeed(readOnly.includes('true') ? tools.reading(filter) : filter);
}

const UNKNOWN_READ_ONLY: HttpRefusal = {
  status: 400,
  code: 'invalid_request',
  message: 'read_only must be true or false.',
};
