import { env } from 'cloudflare:workers';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod';
import { type StoreEnv, storeOf } from './store.ts';

export { Store } from './store.ts';

/** As many as the real catalogue has. Only the first is called; the others are registered all the same. */
const TOOLS = [
  'blackboard_write',
  'blackboard_read',
  'blackboard_list',
  'blackboard_delete',
  'scar_lookup',
  'scar_record',
  'scar_resolve',
  'cache_get',
  'cache_set',
  'cache_invalidate',
  'cache_stats',
  'tenant_limits',
];

/**
 * An MCP server as the SDK's guide writes one: a factory that registers the tools, their schemas in place, and nothing
 * in front of it. It has every saving that the guide allows: no output schemas, answers as text alone.
 */
const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'unguarded', version: '1.0.0' });
  for (const name of TOOLS) {
    const inputSchema = z.object({
      run_id: z.string().default('default'),
      agent: z.string().optional(),
      key: z.string(),
      value: z.string(),
      ttl_s: z.number().int().optional(),
      tags: z.array(z.string()).optional(),
    });
    const description = 'A tool with as many arguments as one of the real catalogue has.';
    server.registerTool(name, { title: name, description, inputSchema }, async ({ key, value }) => {
      const written = await storeOf(env as Cloudflare.Env & StoreEnv).write(key, value);
      return { content: [{ type: 'text', text: JSON.stringify(written) }] };
    });
  }
  return server;
});

export default {
  async fetch(request: Request, env: StoreEnv): Promise<Response> {
    if (request.method === 'GET') return Response.json(await storeOf(env).written());
    return handler.fetch(request);
  },
};
