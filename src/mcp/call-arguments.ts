import { parseJsonText } from '../json/json-text.ts';

/**
 * A `tools/call` whose `arguments` are what some clients send in place of an object, as what it can only mean: `null` is none,
 * and a text that holds an object is that object. The protocol's schema refuses both. Anything else is returned as it is.
 * @param body a JSON-RPC message or a batch, not yet validated
 */
export function withObjectArguments(body: unknown): unknown {
  if (Array.isArray(body)) return body.some(isReadable) ? body.map(withObjectArguments) : body;
  if (!isReadable(body)) return body;
  const { arguments: given, ...params } = body.params;
  const read = typeof given === 'string' ? parseJsonText(given) : undefined;
  return { ...body, params: read === undefined ? params : { ...params, arguments: read } };
}

interface ReadableCall {
  readonly params: Readonly<Record<string, unknown>>;
}

function isReadable(message: unknown): message is ReadableCall {
  if (typeof message !== 'object' || message === null || Reflect.get(message, 'method') !== 'tools/call')
    return false;
  const params: unknown = Reflect.get(message, 'params');
  if (typeof params !== 'object' || params === null) return false;
  const given: unknown = Reflect.get(params, 'arguments');
  if (typeof given !== 'string') return given === null;
  const read = parseJsonText(given);
  return read !== undefined && !Array.isArray(read);
}
