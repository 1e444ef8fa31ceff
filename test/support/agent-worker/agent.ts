import { Agent, routeAgentRequest } from 'agents';
import { Order } from './order.ts';

const SERVER = 'bulkhead';

/** An agent with one MCP server, which it knows by a URL and a token. It answers an order with `{ ok }` or `{ error }`. */
export class Caller extends Agent {
  override async onRequest(request: Request): Promise<Response> {
    const order = Order.parse(await request.json());
    try {
      return Response.json({ ok: (await this.#carryOut(order)) ?? null });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return Response.json({ error: { message: error.message, code: Reflect.get(error, 'code') } });
    }
  }

  async #carryOut(order: Order): Promise<unknown> {
    switch (order.do) {
      case 'connect':
        return this.addMcpServer(SERVER, order.url, {
          id: SERVER,
          client: { versionNegotiation: { mode: order.era } },
          transport: {
            type: order.transport,
            ...(order.token === undefined ? {} : { headers: { authorization: `Bearer ${order.token}` } }),
          },
        });
      case 'list':
        return this.mcp.listTools({ serverId: SERVER }).map(({ name }) => name);
      case 'call':
        return this.mcp.callTool({ serverId: SERVER, name: order.name, arguments: order.args });
      case 'disconnect':
        return this.removeMcpServer(SERVER);
    }
  }
}

export default {
  fetch: async (request, env) =>
    (await routeAgentRequest(request, env)) ?? new Response('no such agent', { status: 404 }),
} satisfies ExportedHandler;
