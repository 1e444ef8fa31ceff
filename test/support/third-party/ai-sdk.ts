import { createMCPClient } from '@ai-sdk/mcp';
import { calledOf, type Open } from './client.ts';

interface How {
  readonly type: 'http' | 'sse';
  readonly path: string;
  /** Whether it asks for the newest revision before it falls back to a handshake. */
  readonly discover: boolean;
}

/** The MCP client of the AI SDK, which has a protocol implementation of its own. */
export function openAiSdk({ type, path, discover }: How): Open {
  return async ({ origin, token }) => {
    let astray: unknown;
    const client = await createMCPClient({
      transport: { type, url: `${origin}${path}`, headers: { Authorization: `Bearer ${token}` } },
      protocolVersionDiscovery: discover,
      onUncaughtError: (error) => {
        if (!isOfStream(error)) astray ??= error;
      },
    });
    return {
      list: async () => (await client.listTools()).tools.map(({ name }) => name),
      call: async (name, args) => calledOf(await client.callTool({ name, arguments: { ...args } })),
      close: async () => {
        await client.close();
        if (astray !== undefined) throw new Error('an error reached no caller', { cause: astray });
      },
    };
  };
}

/**
 * It takes no notifications, and says so of each that the server sends; nor the event without data with which, from
 * 2025-11-25 on, a stream says from where to go on (MCP, "Streamable HTTP", "Sending Messages to the Server").
 */
function isOfStream(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.message === 'Unsupported message type') return true;
  const { cause } = error;
  return cause instanceof Error && 'text' in cause && cause.text === '';
}
