import type {
  CallToolResult,
  ClientCapabilities,
  InputRequiredResult,
  ServerContext,
} from '@modelcontextprotocol/server';
import type * as z from 'zod';
import type { Annotations, Described, Tool } from './tool.ts';

/**
 * What a tool at the edge knows of its caller: `signal` ends with the caller's patience, `elicitInput` and
 * `requestSampling` ask clients of the 2025 revisions, `inputResponses` has what a 2026 client answered, `log` and
 * `notify` tell how it is going. It names no tenant and no storage.
 */
export type Caller = Omit<ServerContext['mcpReq'], 'requestState'> & {
  /** What the client said that it can be asked; undefined outside a session of the 2025 revisions. */
  readonly capabilities: ClientCapabilities | undefined;
  /** Makes the `requestState` of `inputRequired(…)`: what the tool wants to know again then. Its client can read it. */
  keep(state: unknown): Promise<string>;
  /** What the tool kept, once its caller has answered; no one else can have written it. */
  requestState(): unknown;
};

/**
 * The second kind of tool: one that hasRemoteTools with its caller while it runs, or calls out. It is asynchronous and runs at
 * the edge, outside any transaction, once the tenant has admitted, charged and checked the call; with a deadline, and
 * with a cap on how many run at once. Whatever it throws is answered as `internal`, unless it is a `ToolError`.
 */
export interface RemoteTool<Input extends z.ZodObject = z.ZodObject> extends Described<Input> {
  readonly kind: 'remote';
  readonly annotations: Omit<Annotations, 'openWorldHint'> & { readonly openWorldHint: boolean };
  /** Returns the result, or, to ask the caller something in every revision alike, `inputRequired(…)` of the SDK. */
  run(args: z.output<Input>, caller: Caller): Promise<CallToolResult | InputRequiredResult>;
}

export type AnyTool = Tool | RemoteTool;

export function defineRemoteTool<Input extends z.ZodObject>(tool: RemoteTool<Input>): RemoteTool<Input> {
  return tool;
}

export const isRemoteTool = (tool: AnyTool): tool is RemoteTool => 'kind' in tool;
