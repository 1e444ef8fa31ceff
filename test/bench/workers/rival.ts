import { env } from 'cloudflare:workers';
import * as z from 'zod';
import { type StoreEnv, storeOf } from './store.ts';

/** What every rival registers: as many tools as the catalogue has. The benchmark derives the names from it. */

export interface RivalEnv extends StoreEnv {
  /** A JSON array of names. Only the first is called. */
  readonly TOOL_NAMES: string;
}

const names: string[] = JSON.parse((env as Cloudflare.Env & RivalEnv).TOOL_NAMES);

/** The part of an MCP server of either SDK that registers a tool. */
type Register = (
  name: string,
  config: { title: string; description: string; inputSchema: ReturnType<typeof inputSchema> },
  handler: (args: { key: string; value: string }) => Promise<{ content: { type: 'text'; text: string }[] }>,
) => unknown;

const inputSchema = () =>
  z.object({
    run_id: z.string().default('default'),
    agent: z.string().optional(),
    key: z.string(),
    value: z.string(),
    ttl_s: z.number().int().optional(),
    tags: z.array(z.string()).optional(),
  });

/**
 * Registers the tools as the SDK's guide does, their schemas in place, with every saving that the guide allows: no output
 * schemas, answers as text alone.
 */
export function registerTools(register: Register): void {
  for (const name of names) {
    const description = 'A tool with as many arguments as one of the real catalogue has.';
    register(name, { title: name, description, inputSchema: inputSchema() }, async ({ key, value }) => {
      const written = await storeOf(env as Cloudflare.Env & StoreEnv).write(key, value);
      return { content: [{ type: 'text', text: JSON.stringify(written) }] };
    });
  }
}

/** Answers how many writes there were. */
export async function writtenResponse(env: StoreEnv): Promise<Response> {
  return Response.json(await storeOf(env).written());
}
