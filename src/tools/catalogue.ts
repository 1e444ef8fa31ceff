import * as z from 'zod';
import { toolErrorSchema } from './errors.ts';
import { tenantLimits } from './tenant/limits.ts';
import type { Tool } from './tool.ts';

/** Every tool. A tool that is not here cannot be reached; one that is here is limited, bounded, logged and isolated. */
const TOOLS: readonly Tool[] = [tenantLimits];

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

/** The tool as it is published: its JSON Schemas are derived from the schemas that check it. */
export function listing(tool: Tool): ToolListing {
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: { ...jsonSchema(tool.input, 'input'), type: 'object' },
    // Clients check errors against the output schema too, so it admits `error` and requires nothing.
    outputSchema: {
      ...jsonSchema(tool.output.partial().extend({ error: toolErrorSchema.optional() }), 'output'),
      type: 'object',
    },
    annotations: { title: tool.title, ...tool.annotations },
  };
}

function jsonSchema(schema: z.ZodObject, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, reused: 'inline' });
  return rest;
}
