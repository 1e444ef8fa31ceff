import { McpServer } from '@modelcontextprotocol/server';
import { createMcpHandler } from 'agents/mcp/server';
import { type RivalEnv, registerTools, writtenResponse } from './rival.ts';

export { Store } from './store.ts';

/** The same server behind the handler of the `agents` package, as its documentation shows. */
const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'agents-handler', version: '1.0.0' });
  registerTools((name, config, run) => server.registerTool(name, config, run));
  return server;
});

export default {
  fetch: (request: Request, env: RivalEnv, context: ExecutionContext): Promise<Response> =>
    request.method === 'GET' ? writtenResponse(env) : handler(request, env, context),
};
