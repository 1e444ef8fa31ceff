import { catalogue, familyOf, listing, TOOL_FAMILIES, type ToolListing } from '../tools/catalogue.ts';
import type { Scope } from '../tools/tool.ts';
import type { HttpRefusal } from './answers.ts';

/** The families of tools that a client wants to know of; undefined when it wants all. */
export type Families = ReadonlySet<string> | undefined;

// Made once: converting schemas for each request costs more than everything else a request does.
const PUBLISHED = catalogue.tools.map((tool) => ({
  scope: tool.scope,
  family: familyOf(tool),
  tool: listing(tool),
}));
const FAMILIES: ReadonlyMap<string, string> = new Map(
  PUBLISHED.map(({ tool, family }) => [tool.name, family]),
);

/** The tools as a client is told of them: those that its token may call, of the families that it wants. */
export function offeredTools(client: { scopes: readonly Scope[]; families: Families }): ToolListing[] {
  return PUBLISHED.filter(
    ({ scope, family }) =>
      (scope === 'any' || client.scopes.includes(scope)) &&
      (client.families === undefined || client.families.has(family)),
  ).map(({ tool }) => tool);
}

/**
 * What the door is asked for when a client names `name`: that tool, or, when it is not published or not of the
 * families, a name that no tool has, so that it is charged, logged and answered like any unknown one.
 */
export function askedFor(name: string, families: Families): string {
  const family = FAMILIES.get(name);
  const offered = family !== undefined && (families === undefined || families.has(family));
  return offered ? name : `${name} (not offered)`;
}

/**
 * Reads `?tools=blackboard,scar` of the endpoint's URL: a client that needs few tools spares its model the others.
 * @returns the families named, or the refusal that says which there are
 */
export function narrowing(url: string): { families: Families } | HttpRefusal {
  const query = url.indexOf('?');
  if (query === -1) return { families: undefined };
  const named = new URLSearchParams(url.slice(query)).getAll('tools');
  if (named.length === 0) return { families: undefined };
  const families = new Set(named.flatMap((names) => names.split(',')).map((name) => name.trim()));
  if ([...families].every((family) => TOOL_FAMILIES.includes(family))) return { families };
  const message = `tools must name families, comma-separated: ${TOOL_FAMILIES.join(', ')}.`;
  return { status: 400, code: 'unknown_family', message };
}
