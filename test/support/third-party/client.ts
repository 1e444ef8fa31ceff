import * as z from 'zod';

/** Where a server is and who asks. */
export interface Endpoint {
  readonly origin: string;
  readonly token: string;
}

/** What a tool call comes back as, in every client. */
export interface Called {
  readonly isError: boolean;
  readonly structured: Readonly<Record<string, unknown>>;
  /** Of the first content. */
  readonly text: string;
}

/** A client that others wrote, connected. */
export interface ThirdPartyClient {
  /** The names of the tools. */
  list(): Promise<string[]>;
  /** @throws whatever the client makes of a JSON-RPC error */
  call(name: string, args: Readonly<Record<string, unknown>>): Promise<Called>;
  close(): Promise<void>;
}

/** Connects a client; one that connects anew for each request may put that off. */
export type Open = (endpoint: Endpoint) => Promise<ThirdPartyClient>;

const ToolResult = z.looseObject({
  isError: z.boolean().default(false),
  structuredContent: z.record(z.string(), z.unknown()),
  content: z.tuple([z.looseObject({ type: z.literal('text'), text: z.string() })]),
});

/** A tool result, as the client handed it over. */
export function calledOf(result: unknown): Called {
  const { isError, structuredContent, content } = ToolResult.parse(result);
  return { isError, structured: structuredContent, text: content[0].text };
}
