import { familyOf, listing, type ToolListing } from '../tools/catalogue.ts';
import { type AnyTool, isRemoteTool } from '../tools/remote-tool.ts';
import type { Scope } from '../tools/tool.ts';

/** The families of tools that a client wants to know of; undefined when it wants all. */
export type ToolFilter = ReadonlySet<string> | undefined;

interface Published {
  readonly tool: AnyTool;
  readonly family: string;
  readonly listing: () => ToolListing;
}

/** The tools that clients may list and call. Each listing is made on first use, because converting a schema is expensive. */
export class PublishedTools {
  readonly #published: ReadonlyMap<string, Published>;
  /** Whether any tool runs at the edge, and so may have something to say to its caller. */
  readonly hasRemoteTools: boolean;
  /** The families that have tools, in the order of the catalogue. */
  readonly families: readonly string[];

  constructor(tools: readonly AnyTool[]) {
    this.#published = new Map(
      tools.map((tool) => [tool.name, { tool, family: familyOf(tool), listing: lazy(tool) }]),
    );
    this.hasRemoteTools = tools.some(isRemoteTool);
    this.families = [...new Set(tools.map(familyOf))];
  }

  /** The tools as a client is told of them: those that its token may call, of the families that it wants. */
  list(client: { readonly scopes: readonly Scope[]; readonly families: ToolFilter }): ToolListing[] {
    return [...this.#published.values()]
      .filter(
        ({ tool, family }) =>
          (tool.scope === 'any' || client.scopes.includes(tool.scope)) &&
          (client.families === undefined || client.families.has(family)),
      )
      .map((published) => published.listing());
  }

  /** The tool that a client may name, if it is published and of the families. */
  find(name: string, families: ToolFilter): AnyTool | undefined {
    const published = this.#published.get(name);
    return published !== undefined && (families === undefined || families.has(published.family))
      ? published.tool
      : undefined;
  }

  /**
   * What the door is asked for when a client names `name`: that tool, or, when it is not offered, a name that no tool
   * has, so that it is charged, logged and answered like any unknown one.
   */
  resolveToolName(name: string, families: ToolFilter): string {
    return this.find(name, families) === undefined ? `${name} (not offered)` : name;
  }
}

function lazy(tool: AnyTool): () => ToolListing {
  let made: ToolListing | undefined;
  return () => {
    made ??= listing(tool);
    return made;
  };
}
