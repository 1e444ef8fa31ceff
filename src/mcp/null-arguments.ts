/**
 * A `tools/call` with `"arguments": null` as one without arguments, which some clients mean by it and the protocol's schema
 * refuses. Anything else is returned as it is.
 * @param body a JSON-RPC message or a batch, not yet validated
 */
export function withoutNullArguments(body: unknown): unknown {
  if (Array.isArray(body)) return body.some(hasNullArguments) ? body.map(withoutNullArguments) : body;
  if (!hasNullArguments(body)) return body;
  const { arguments: _, ...params } = body.params;
  return { ...body, params };
}

interface NullCall {
  readonly params: Readonly<Record<string, unknown>>;
}

function hasNullArguments(message: unknown): message is NullCall {
  if (typeof message !== 'object' || message === null || Reflect.get(message, 'method') !== 'tools/call')
    return false;
  const params: unknown = Reflect.get(message, 'params');
  return typeof params === 'object' && params !== null && Reflect.get(params, 'arguments') === null;
}
