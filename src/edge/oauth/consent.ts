import type { PublishedTools } from '../../mcp/published-tools.ts';
import type { AnyTool } from '../../tools/remote-tool.ts';
import type { Scope } from '../../tools/tool.ts';
import { isScope } from './scope-words.ts';

/** What a person allows by the check boxes of the page: scopes, and within them all tools or single ones. */
export interface Allowed {
  readonly scopes: readonly Scope[];
  /** undefined: whatever tools the scopes allow, also those of later releases. */
  readonly tools: readonly string[] | undefined;
}

/** In the form, that it has a check box for each tool, so that a tool which is not named was ticked off. */
export const TOOLS_LISTED = 'tools_listed';

export const isReading = (scope: Scope) => scope.endsWith(':read');

/** The tools that a client with these scopes may be let use, in the order of the catalogue. */
export const toolsFor = (published: PublishedTools, scopes: readonly Scope[]): AnyTool[] =>
  published.all().filter(({ scope }) => scope === 'any' || scopes.includes(scope));

const hasTool = (tools: readonly AnyTool[], scope: Scope) => tools.some((tool) => tool.scope === scope);

/** What a form allows, of what was asked for. */
export function allowedBy(
  form: URLSearchParams,
  asked: readonly Scope[],
  published: PublishedTools,
): Allowed {
  const ticked = form.getAll('scope').filter(isScope);
  const scopes = asked
    .filter((scope) => ticked.includes(scope))
    .filter((scope) => !form.has('read_only') || isReading(scope));
  if (!form.has(TOOLS_LISTED)) return { scopes, tools: undefined };
  const single = form.getAll('tool');
  const offered = toolsFor(published, scopes);
  // A scope of which no tool is left is not granted.
  const tools = offered.filter(({ name }) => single.includes(name));
  if (tools.length === offered.length) return { scopes, tools: undefined };
  return {
    scopes: scopes.filter((scope) => hasTool(tools, scope) || !hasTool(offered, scope)),
    tools: tools.map(({ name }) => name),
  };
}
