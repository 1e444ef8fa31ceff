import { isMarked } from '../json/marked-numbers.ts';

/** Why a message is refused that has an inexact number where no tool can refuse it. */
export const INEXACT_ENVELOPE =
  'A number outside of the arguments cannot be represented exactly. Send it as text.';

/**
 * Whether a message, or one of a batch, has a marked number (`withInexactMarked`) in its id or parameters. Those in the
 * arguments of a tool's call are not meant, because the tool's error names the argument.
 */
export function hasInexactEnvelope(body: unknown): boolean {
  if (Array.isArray(body)) return body.some(hasInexactEnvelope);
  if (typeof body !== 'object' || body === null || Reflect.get(body, 'method') !== 'tools/call')
    return isMarked(body);
  const { params, ...message }: Record<string, unknown> = { ...body };
  const { arguments: _, ...parameters }: Record<string, unknown> = Object(params);
  return isMarked(message) || isMarked(parameters);
}
