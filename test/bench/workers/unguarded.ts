import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { type RivalEnv, registerTools, writtenResponse } from './rival.ts';

export { Store } from './store.ts';

/** An MCP server as the SDK's guide writes one: a factory that registers the tools, and nothing in front of it. */
const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'unguarded', version: '1.0.0' });
  registerTools((name, config, run) => server.registerTool(name, config, run));
  return server;
});

export default {
  fetch: (request: Request, env: RivalEnv): Promise<Response> =>
    request.method === 'GET' ? writtenResponse(env) : handler.fetch(request),
};
