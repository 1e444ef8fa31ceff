import * as z from 'zod';
import { blackboardClaim } from './blackboard/claim.ts';
import { blackboardDelete } from './blackboard/delete.ts';
import { blackboardList } from './blackboard/list.ts';
import { blackboardRead } from './blackboard/read.ts';
import { blackboardRelease } from './blackboard/release.ts';
import { blackboardWatch } from './blackboard/watch.ts';
import { blackboardWrite } from './blackboard/write.ts';
import { cacheGet } from './cache/get.ts';
import { cacheInvalidate } from './cache/invalidate.ts';
import { cacheSet } from './cache/set.ts';
import { cacheStats } from './cache/stats.ts';
import { type AnyTool, isRemoteTool } from './remote-tool.ts';
import { scarCheck } from './scar/check.ts';
import { scarDelete } from './scar/delete.ts';
import { scarList } from './scar/list.ts';
import { scarLookup } from './scar/lookup.ts';
import { scarRecord } from './scar/record.ts';
import { scarResolve } from './scar/resolve.ts';
import { scarUpdate } from './scar/update.ts';
import { tenantLimits } from './tenant/limits.ts';
import type { Tool } from './tool.ts';

/** Every tool. A tool that is not here cannot be reached; one that is here is limited, bounded, logged and isolated. */
export const TOOLS: readonly Tool[] = [
  blackboardWrite,
  blackboardRead,
  blackboardList,
  blackboardWatch,
  blackboardClaim,
  blackboardRelease,
  blackboardDelete,
  scarCheck,
  scarLookup,
  scarRecord,
  scarResolve,
  scarList,
  scarUpdate,
  scarDelete,
  cacheGet,
  cacheSet,
  cacheInvalidate,
  cacheStats,
  tenantLimits,
];

/** A tool as `tools/list` shows it. */
export interface ToolListing {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: { readonly type: 'object'; readonly [keyword: string]: unknown };
  /** A tool at the edge has none. */
  readonly outputSchema?: { readonly type: 'object'; readonly [keyword: string]: unknown };
  readonly annotations: AnyTool['annotations'] & { readonly title: string };
}

export interface Catalogue<Published extends AnyTool = AnyTool> {
  /** The tools that callers are told of and may call by name. */
  readonly tools: readonly Published[];
  /** What the door admits: the tools, and those that serve a transport's own requests. */
  readonly all: readonly (Published | Tool)[];
  /** Any of `all`; whether a caller may name it is for the transport to say. */
  find(name: string): Published | Tool | undefined;
}

/** @param internal tools that no caller can name: they pass the same door, and answer what is asked in another form */
export function createCatalogue<Published extends AnyTool>(
  tools: readonly Published[],
  internal: readonly Tool[] = [],
): Catalogue<Published> {
  const all = [...tools, ...internal];
  const byName = new Map(all.map((tool) => [tool.name, tool]));
  if (byName.size !== all.length) throw new Error('two tools have the same name');
  return { tools, all, find: (name) => byName.get(name) };
}

/** The families that have tools, in the order of the catalogue; a tool's is the first word of its name. */
export const TOOL_FAMILIES: readonly string[] = [...new Set(TOOLS.map(familyOf))];

export function familyOf(tool: Pick<AnyTool, 'name'>): string {
  return tool.name.slice(0, tool.name.indexOf('_'));
}

/** The tool as it is published: its JSON Schemas are derived from the schemas that check it. */
export function listing(tool: AnyTool): ToolListing {
  const outputSchema = isRemoteTool(tool) ? undefined : outputSchemaOf(tool);
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: { ...jsonSchema(tool.input, 'input'), type: 'object' },
    ...(outputSchema === undefined ? {} : { outputSchema }),
    annotations: { title: tool.title, ...tool.annotations },
  };
}

/**
 * Clients check errors against the output schema too, so it admits `error` and requires nothing. What an error holds is
 * the same for every tool, and not worth its tokens here.
 */
function outputSchemaOf(tool: Tool) {
  const schema = tool.output.partial().extend({ error: z.looseObject({}).optional() });
  return { ...jsonSchema(schema, 'output'), type: 'object' as const };
}

/** A schema as portable JSON Schema (draft 2020-12), every part in its place. */
export function jsonSchema(schema: z.ZodObject, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    reused: 'inline',
    override: ({ jsonSchema }) => trim(jsonSchema),
  });
  return rest;
}

/** Leaves out what costs a model tokens and tells it nothing. */
function trim(schema: z.core.JSONSchema.BaseSchema): void {
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.format === 'date-time') delete schema.pattern;
  if (typeof schema.additionalProperties === 'object') delete schema.additionalProperties;
}
