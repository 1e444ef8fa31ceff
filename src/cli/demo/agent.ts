import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as Client2025 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport2025 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import * as z from 'zod';
import { toolErrorSchema } from '../../tools/errors.ts';
import { CliError } from '../terminal.ts';

/** The result of a tool call: the answer, or the error that a model would get. */
export type Reply<T> = { ok: true; answer: T } | { ok: false; error: ToolFailure };
const failureSchema = z.object({ error: toolErrorSchema });
export type ToolFailure = z.infer<typeof toolErrorSchema>;

interface Connection {
  /** The negotiated protocol revision. */
  readonly revision: string;
  readonly tools: number;
  call(
    tool: string,
    args: Record<string, unknown>,
  ): Promise<{ isError?: unknown; structuredContent?: unknown }>;
  close(): Promise<void>;
}

export interface AgentOptions {
  readonly name: string;
  readonly url: string;
  readonly token: string;
  /** The SDK of the client: `v1` supports the 2025 protocol revisions only. */
  readonly sdk: 'v1' | 'v2';
}

const VERSION = '1.0.0';

async function connectV2({ name, url, token }: AgentOptions): Promise<Connection> {
  const client = new Client({ name, version: VERSION }, { versionNegotiation: { mode: 'auto' } });
  const requestInit = { headers: { Authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  const { tools } = await client.listTools();
  return {
    revision: client.getNegotiatedProtocolVersion() ?? 'unknown',
    tools: tools.length,
    call: (tool, args) => client.callTool({ name: tool, arguments: args }),
    close: () => client.close(),
  };
}

async function connectV1({ name, url, token }: AgentOptions): Promise<Connection> {
  const client = new Client2025({ name, version: VERSION });
  const requestInit = { headers: { Authorization: `Bearer ${token}` } };
  const transport = new Transport2025(new URL(url), { requestInit });
  await client.connect(transport);
  const { tools } = await client.listTools();
  return {
    revision: transport.protocolVersion ?? 'unknown',
    tools: tools.length,
    call: async (tool, args) => {
      const { isError, structuredContent } = await client.callTool({ name: tool, arguments: args });
      return { isError, structuredContent };
    },
    close: () => client.close(),
  };
}

/** An agent: a real MCP client with its own token. */
export class Agent {
  readonly name: string;
  readonly #connection: Connection;

  private constructor(name: string, connection: Connection) {
    this.name = name;
    this.#connection = connection;
  }

  static async connect(options: AgentOptions): Promise<Agent> {
    try {
      const connection = options.sdk === 'v1' ? await connectV1(options) : await connectV2(options);
      return new Agent(options.name, connection);
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown error';
      throw new CliError(
        'not_connected',
        `The ${options.name} could not connect to ${options.url}: ${reason}`,
      );
    }
  }

  get introduction(): string {
    return `${this.name}: MCP ${this.#connection.revision}, ${this.#connection.tools} tools`;
  }

  /** Calls a tool and parses its answer with `schema`. @throws CliError if the answer has another form */
  async attempt<T>(tool: string, args: Record<string, unknown>, schema: z.ZodType<T>): Promise<Reply<T>> {
    const result = await this.#connection.call(tool, args);
    if (result.isError === true) {
      const failure = failureSchema.safeParse(result.structuredContent);
      if (failure.success) return { ok: false, error: failure.data.error };
    } else {
      const answer = schema.safeParse(result.structuredContent);
      if (answer.success) return { ok: true, answer: answer.data };
    }
    throw new CliError('unexpected_answer', `${tool} returned an unexpected answer.`);
  }

  /** Calls a tool that must succeed. @throws CliError if it returns an error */
  async call<T>(tool: string, args: Record<string, unknown>, schema: z.ZodType<T>): Promise<T> {
    const reply = await this.attempt(tool, args, schema);
    if (reply.ok) return reply.answer;
    throw new CliError(reply.error.code, `${tool} failed: ${reply.error.message}`);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}
