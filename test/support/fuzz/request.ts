/** One request of the fuzzer, before it is sent. */
export interface FuzzRequest {
  /** The route that the request was made for, whatever a mutation has made of its path. */
  readonly route: string;
  /** The protocol era that it was made for: a revision, or `plain` for HTTP without MCP. */
  readonly era: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A value that is sent as JSON or as a form, or, once it was changed as text or bytes, those. */
  readonly body?: Body;
  readonly mutations: readonly string[];
}

export type Body =
  | { readonly kind: 'json' | 'form'; readonly value: unknown }
  | { readonly kind: 'raw'; readonly bytes: Uint8Array };

export const json = (value: unknown): Body => ({ kind: 'json', value });
export const form = (value: unknown): Body => ({ kind: 'form', value });

const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value)) ?? '';

/** A list is a field that is sent several times; what is neither text nor a list is sent as its JSON. */
function formText(value: unknown): string {
  const fields = Object.entries(Object(value)).flatMap(([name, given]) =>
    (Array.isArray(given) ? given : [given]).map((one) => [name, textOf(one)]),
  );
  return String(new URLSearchParams(fields));
}

export function bytesOf(body: Body): Uint8Array {
  if (body.kind === 'raw') return body.bytes;
  const text = body.kind === 'form' ? formText(body.value) : (JSON.stringify(body.value) ?? '');
  return new TextEncoder().encode(text);
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
