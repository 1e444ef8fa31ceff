import * as z from 'zod';
import { blackboardDelete } from './blackboard/delete.ts';
import { blackboardList } from './blackboard/list.ts';
import { blackboardRead } from './blackboard/read.ts';
import { blackboardWrite } from './blackboard/write.ts';
import { cacheGet } from './cache/get.ts';
import { cacheInvalidate } from './cache/invalidate.ts';
import { cacheSet } from './cache/set.ts';
import { cacheStats } from './cache/stats.ts';
import { toolErrorSchema } from './errors.ts';
import { scarLookup } from './scar/lookup.ts';
import { scarRecord } from './scar/record.ts';
import { scarResolve } from './scar/resolve.ts';
import { tenantLimits } from './tenant/limits.ts';
import type { Tool } from './tool.ts';

/** Every tool. A tool that is not here cannot be reached; one that is here is limited, bounded, logged and isolated. */
const TOOLS: readonly Tool[] = [
  blackboardWrite,
  blackboardRead,
  blackboardList,
  blackboardDelete,
  scarLookup,
  scarRecord,
  scarResolve,
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
  readonly outputSchema: { readonly type: 'object'; readonly [keyword: string]: unknown };
  readonly annotations: Tool['annotations'] & { readonly title: string };
}

export interface Catalogue {
  readonly tools: readonly Tool[];
  find(name: string): Tool | undefined;
}

export function createCatalogue(tools: readonly Tool[]): Catalogue {
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  if (byName.size !== tools.length) throw new Error('two tools have the same name');
  return { tools, find: (name) => byName.get(name) };
}

export const catalogue = createCatalogue(TOOLS);

/** What clients need to know of an error when they check an answer; `toolErrorSchema` says the rest. */
const publishedError = toolErrorSchema
  .pick({ code: true, message: true, retryable: true, retry_after_ms: true })
  .loose();

/** The tool as it is published: its JSON Schemas are derived from the schemas that check it. */
export function listing(tool: Tool): ToolListing {
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: { ...jsonSchema(tool.input, 'input'), type: 'object' },
    // Clients check errors against the output schema too, so it admits `error` and requires nothing.
    outputSchema: {
      ...jsonSchema(tool.output.partial().extend({ error: publishedError.optional() }), 'output'),
      type: 'object',
    },
    annotations: { title: tool.title, ...tool.annotations },
  };
}

function jsonSchema(schema: z.ZodObject, io: 'input' | 'output'): Record<string, unknown> {
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
