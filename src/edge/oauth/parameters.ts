import { fail, type Result, succeed } from '../../result.ts';

/** Parameters of OAuth requests: text, each at most once (OAuth 2.1, section 3.1), and bounded. */

export const MAX_FORM_BYTES = 16_384;
export const MAX_STATE_CHARS = 2048;
const MAX_PARAMETERS = 64;

/** A parameter that was sent twice. Which of the two a later reader would believe is anybody's guess. */
export interface Repeated {
  readonly repeated: string;
}

/** @returns the parameters that were sent with a value */
export function readParameters(sent: URLSearchParams): Result<ReadonlyMap<string, string>, Repeated> {
  const read = new Map<string, string>();
  const seen = new Set<string>();
  for (const [name, value] of sent) {
    if (seen.has(name) || seen.size >= MAX_PARAMETERS) return fail({ repeated: name.slice(0, 40) });
    seen.add(name);
    // A parameter without a value is taken for one that was not sent.
    if (value !== '') read.set(name, value);
  }
  return succeed(read);
}
