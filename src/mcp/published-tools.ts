import { listing, type ToolListing } from '../tools/catalogue.ts';
import { familyOf } from '../tools/families.ts';
import { type AnyTool, isRemoteTool } from '../tools/remote-tool.ts';
import { tenantApproval } from '../tools/tenant/approval.ts';
import type { Scope } from '../tools/tool.ts';
import { RESOURCE_TOOL } from '../transport-tools/covered-by.ts';

/** The names of the tools that a client may see and call; undefined for all. */
export type ToolFilter = ReadonlySet<string> | undefined;

interface Published {
  readonly tool: AnyTool;
  readonly family: string;
  readonly listing: () => ToolListing;
}

/** The tools that clients may list and call. Each listing is made on first use, because converting a schema is expensive. */
export class PublishedTools {
  readonly #published: ReadonlyMap<string, Published>;
  /** Whether any of them is a remote tool, which may ask its caller something. */
  readonly hasRemoteTools: boolean;
  /** The families that have tools, in the order of the catalogue. */
  readonly families: readonly string[];

  constructor(tools: readonly AnyTool[]) {
    this.#published = new Map(
      tools.map((tool) => [tool.name, { tool, family: familyOf(tool), listing: lazyListing(tool) }]),
    );
    this.hasRemoteTools = tools.some(isRemoteTool);
    this.families = [...new Set(tools.map(familyOf))];
  }

  /** Every published tool, in the order of the catalogue. */
  all(): AnyTool[] {
    return [...this.#published.values()].map(({ tool }) => tool);
  }

  /** The families of the tools that `list` would list; of all that pass the filter if the scopes are not known yet. */
  familiesFor(scopes: readonly Scope[], filter: ToolFilter): string[] {
    const isListed = ({ tool }: Published) =>
      passes(filter, tool.name) &&
      (scopes.length === 0 || tool.scope === 'any' || scopes.includes(tool.scope));
    const listed = [...this.#published.values()].filter(isListed);
    return [...new Set(listed.map(({ family }) => family))];
  }

  /** The listings of the tools that a token may call, of the families that its client wants to see. */
  list(scopes: readonly Scope[], filter: ToolFilter): ToolListing[] {
    return [...this.#published.values()]
      .filter(
        ({ tool }) => (tool.scope === 'any' || scopes.includes(tool.scope)) && passes(filter, tool.name),
      )
      .map((published) => published.listing());
  }

  /**
   * The filter that passes the tools of these names and of these families.
   * @returns undefined when a word is neither
   */
  select(words: readonly string[]): ReadonlySet<string> | undefined {
    const selected = words.map((word) =>
      [...this.#published.values()].filter(({ tool, family }) => tool.name === word || family === word),
    );
    if (selected.some((tools) => tools.length === 0)) return undefined;
    return new Set(selected.flat().map(({ tool }) => tool.name));
  }

  /** The filter that passes the tools which only read, of those that the given one passes. */
  reading(filter: ToolFilter): ReadonlySet<string> {
    const reads = [...this.#published.values()].filter(({ tool }) => !tool.scope.endsWith(':write'));
    return new Set(reads.map(({ tool }) => tool.name).filter((name) => passes(filter, name)));
  }

  /** The names of the tools that pass the filter. */
  names(filter: ToolFilter): string[] {
    const offered = [...this.#published.values()].filter(({ tool }) => passes(filter, tool.name));
    return offered.map(({ tool }) => tool.name);
  }

  /** Whether `list` would list the tool of this name. */
  canCall(name: string, scopes: readonly Scope[], filter: ToolFilter): boolean {
    const scope = this.find(name, filter)?.scope;
    return scope !== undefined && (scope === 'any' || scopes.includes(scope));
  }

  /** The tool of this name, if it is published and passes the filter. */
  find(name: string, filter: ToolFilter): AnyTool | undefined {
    const published = this.#published.get(name);
    // What is redeemed was called by the same token, and is checked by the tenant as if it were called now.
    const isOffered = passes(filter, name) || name === tenantApproval.name;
    return published !== undefined && isOffered ? published.tool : undefined;
  }

  /**
   * The name under which a call is passed to the tenant: the tool's own, or, when the client may not name it, one that
   * no tool has, so that the call is charged, logged and answered like that of any unknown tool.
   */
  resolveToolName(name: string, filter: ToolFilter): string {
    return this.find(name, filter) === undefined ? `${name} (not offered)` : name;
  }
}

/**
 * The filter that passes what both pass.
 * @param holdsCalls whether calls of some tools are held: whoever may call them may redeem them
 */
export function narrowed(
  filter: ToolFilter,
  names: readonly string[] | undefined,
  holdsCalls = false,
): ToolFilter {
  const both = names === undefined ? filter : new Set(names.filter((name) => passes(filter, name)));
  return both === undefined || !holdsCalls ? both : new Set([...both, tenantApproval.name]);
}

export const passes = (filter: ToolFilter, name: string) => filter === undefined || filter.has(name);

/** Whether a client may see resources. */
export const offersResources = (filter: ToolFilter) => passes(filter, RESOURCE_TOOL);

function lazyListing(tool: AnyTool): () => ToolListing {
  let made: ToolListing | undefined;
  return () => {
    made ??= listing(tool);
    return made;
  };
}
