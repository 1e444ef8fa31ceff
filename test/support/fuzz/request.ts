/** One request of the fuzzer, before it is sent. */
export interface FuzzRequest {
  /** The route that the request was made for, whatever a mutation has made of its path. */
  readonly route: string;
  /** The protocol era that it was made for: a revision, or `plain` for HTTP without MCP. */
  readonly era: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A value that is sent as JSON, or, once it was changed as text or bytes, those. */
  readonly body?: Body;
  readonly mutations: readonly string[];
}

export type Body =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'raw'; readonly bytes: Uint8Array };

export const json = (value: unknown): Body => ({ kind: 'json', value });

export function bytesOf(body: Body): Uint8Array {
  return body.kind === 'raw' ? body.bytes : new TextEncoder().encode(JSON.stringify(body.value) ?? '');
}

/** The value that a server reads from the body; undefined when it is no JSON. */
export function readBody(body: Body | undefined): unknown {
  if (body === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytesOf(body)));
  } catch {
    return undefined;
  }
}
