import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { McpAgent } from 'agents/mcp';
import { type RivalEnv, registerTools, writtenResponse } from './rival.ts';

export { Store } from './store.ts';

/** `McpAgent` of the `agents` package: a Durable Object for each session, of the 2025-11-25 revision. */
export class BenchAgent extends McpAgent {
  server = new McpServer({ name: 'mcp-agent', version: '1.0.0' });

  override async init(): Promise<void> {
    registerTools((name, config, run) => this.server.registerTool(name, config, run));
  }
}

const handler = BenchAgent.serve('/mcp', { binding: 'AGENT' });

export default {
  fetch: (request: Request, env: RivalEnv, context: ExecutionContext): Promise<Response> =>
    new URL(request.url).pathname === '/written'
      ? writtenResponse(env)
      : handler.fetch(request, env, context),
};
