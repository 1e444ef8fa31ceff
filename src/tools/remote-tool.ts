import type {
  CallToolResult,
  ClientCapabilities,
  InputRequiredResult,
  ServerContext,
} from '@modelcontextprotocol/server';
import type * as z from 'zod';
import type { Annotations, Tool, ToolDeclaration } from './tool.ts';

/**
 * The client whose call a remote tool is running for. `signal` aborts when the client cancels, disconnects or the
 * deadline passes; `elicitInput` and `requestSampling` ask clients of the 2025 revisions; `inputResponses` contains what
 * a client of 2026-07-28 answered to `inputRequired(…)`; `log` and `notify` report progress. It contains no tenant id
 * and no storage.
 */
export type Caller = Omit<ServerContext['mcpReq'], 'requestState'> & {
  /** The capabilities that the client declared; undefined outside a session of the 2025 revisions. */
  readonly capabilities: ClientCapabilities | undefined;
  /** Signs a state for `inputRequired(…)`, so that the tool has it when the client answers. The client can read it. */
  signState(state: unknown): Promise<string>;
  /** The state that the tool signed with `signState`, once the client has answered; the client cannot have changed it. */
  requestState(): unknown;
};

/**
 * A tool that calls an external system or asks its caller something while it runs. It is asynchronous and runs outside
 * the tenant and outside any transaction, after the tenant has admitted, charged and validated the call. A deadline
 * limits each run, and a cap limits how many of a tenant's runs are active at once. It is offered by MCP only, not at
 * `/v1`.
 */
export interface RemoteTool<Input extends z.ZodObject = z.ZodObject> extends ToolDeclaration<Input> {
  readonly kind: 'remote';
  readonly annotations: Omit<Annotations, 'openWorldHint'> & { readonly openWorldHint: boolean };
  /**
   * Runs one call.
   * @returns the result, or `inputRequired(…)` of the MCP SDK to ask the caller, which works with every revision
   * @throws ToolError for an expected failure, which the caller sees; anything else is reported as `internal`
   */
  run(args: z.output<Input>, caller: Caller): Promise<CallToolResult | InputRequiredResult>;
}

export type AnyTool = Tool | RemoteTool;

/**
 * Declares a remote tool: one that calls an external system or asks its caller something. Its scope may belong to any
 * family of `families.ts`.
 *
 * @example
 * ```ts
 * import * as z from 'zod';
 * import { ToolError } from './errors.ts';
 * import { text } from './fields.ts';
 * import { defineRemoteTool } from './remote-tool.ts';
 *
 * export const cacheWarm = defineRemoteTool({
 *   kind: 'remote',
 *   name: 'cache_warm',
 *   title: 'Fetch a page',
 *   description: 'Fetches a page of the documentation, so that its text can be stored in the cache.',
 *   scope: 'cache:write',
 *   cost: 5,
 *   annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
 *   input: z.strictObject({ page: text(1, 64) }),
 *   log: { page: 'plain' },
 *   run: async ({ page }, caller) => {
 *     const url = new URL(encodeURIComponent(page), 'https://docs.example/');
 *     const response = await fetch(url, { signal: caller.signal });
 *     if (!response.ok) throw new ToolError('unavailable', 'The documentation cannot be reached. Try again later.');
 *     return { content: [{ type: 'text', text: await response.text() }] };
 *   },
 * });
 * ```
 */
export function defineRemoteTool<Input extends z.ZodObject>(tool: RemoteTool<Input>): RemoteTool<Input> {
  return tool;
}

export const isRemoteTool = (tool: AnyTool): tool is RemoteTool => 'kind' in tool;
