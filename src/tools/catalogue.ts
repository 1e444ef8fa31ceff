import * as z from 'zod';
import { leftOutSchema } from './answer-budget.ts';
import { FAMILIES, familyOf, UNSCOPED_FAMILY } from './families.ts';
import { jsonSchema } from './json-schema.ts';
import * as published from './published.ts';
import { publishedSchema } from './published-schema.ts';
import { type AnyTool, isRemoteTool } from './remote-tool.ts';
import type { Expiry, Sweeper, Tool } from './tool.ts';

const FAMILY_ORDER: readonly string[] = [...FAMILIES, UNSCOPED_FAMILY];

/** The published tools: by family in the order of `families.ts`, then by name. Clients see them in this order. */
export const TOOLS: readonly AnyTool[] = Object.values<AnyTool>(published).sort(
  (a, b) => familyRank(a) - familyRank(b) || (a.name < b.name ? -1 : 1),
);

/** The families that have published tools, in the order in which clients see them. */
export const TOOL_FAMILIES: readonly string[] = [...new Set(TOOLS.map(familyOf))];

function familyRank(tool: AnyTool): number {
  return FAMILY_ORDER.indexOf(familyOf(tool));
}

/** A tool as `tools/list` shows it (MCP specification, "Tools"). */
export interface ToolListing {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: { readonly type: 'object'; readonly [keyword: string]: unknown };
  readonly outputSchema: { readonly type: 'object'; readonly [keyword: string]: unknown };
  readonly annotations: AnyTool['annotations'] & { readonly title: string };
}

/** The tools that one program serves. */
export interface Catalogue<Published extends AnyTool = AnyTool> {
  /** The published tools: clients can list them and call them by name. */
  readonly tools: readonly Published[];
  /** The published tools, followed by the internal tools that serve the transports' own requests. */
  readonly all: readonly (Published | Tool)[];
  /** Finds a tool of `all` by its exact name. Whether a caller may use that name is decided by the transport. */
  find(name: string): Published | Tool | undefined;
}

/**
 * Makes a catalogue of published and internal tools.
 * @param internal tools that no caller can name: transports call them, through the same pipeline
 * @throws Error when two tools have the same name
 */
export function createCatalogue<Published extends AnyTool>(
  tools: readonly Published[],
  internal: readonly Tool[] = [],
): Catalogue<Published> {
  const all = [...tools, ...internal];
  const byName = new Map(all.map((tool) => [tool.name, tool]));
  if (byName.size !== all.length) throw new Error('two tools have the same name');
  return { tools, all, find: (name) => byName.get(name) };
}

/** The kinds of data whose expiry is recorded as an event. */
export function expiriesOf(tools: readonly AnyTool[]): readonly Expiry[] {
  return tools.flatMap((tool) => (isRemoteTool(tool) || tool.expiry === undefined ? [] : [tool.expiry]));
}

/** The sweepers that the tools declare, each once. */
export function sweepersOf(tools: readonly AnyTool[]): readonly Sweeper[] {
  return [...new Set(tools.flatMap((tool) => (isRemoteTool(tool) ? [] : (tool.sweep ?? []))))];
}

/** The published form of a tool. Its JSON Schemas are derived from the Zod schemas that validate its calls. */
export function listing(tool: AnyTool): ToolListing {
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: { ...publishedSchema(jsonSchema(tool.input, 'input')), type: 'object' },
    outputSchema: outputSchemaOf(tool),
    annotations: { title: tool.title, ...tool.annotations },
  };
}

/**
 * Clients validate error results against the output schema as well, so the schema admits `error` and requires no field.
 * The fields of `error` are the same for every tool; repeating them here would only cost the model tokens.
 */
function outputSchemaOf(tool: AnyTool) {
  const more = isRemoteTool(tool) ? { left_out: leftOutSchema.optional() } : {};
  const schema = tool.output.partial().extend({ error: z.looseObject({}).optional(), ...more });
  return { ...jsonSchema(schema, 'output'), type: 'object' as const };
}
