import { clip } from '../telemetry/redact.ts';
import { suggestTools } from '../tools/suggest.ts';
import type { PublishedTools, ToolFilter } from './published-tools.ts';

const MAX_NAME_CHARS = 64;

/** What is told of a tool that does not exist, or that this client may not name. */
export interface UnknownTool {
  readonly message: string;
  /** The tools that the caller can mean, the likeliest first. */
  readonly did_you_mean?: readonly string[];
}

/**
 * @param where the list of tools is, as the caller reaches it
 */
export function unknownTool(
  name: string,
  tools: PublishedTools,
  filter: ToolFilter,
  where = 'tools/list',
): UnknownTool {
  const meant = suggestTools(clip(name, MAX_NAME_CHARS), tools.names(filter));
  const list = `${where} names the tools that exist.`;
  return meant.length === 0
    ? { message: `Unknown tool. ${list}` }
    : { message: `Unknown tool. Did you mean ${meant.join(' or ')}? ${list}`, did_you_mean: meant };
}
