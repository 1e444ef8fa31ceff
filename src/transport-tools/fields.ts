import * as z from 'zod';
import { keyPath, shortName, text } from '../tools/fields.ts';

/** Longer than the URI of any cell: a board name of 128 and a key of 256 characters, percent-encoded. */
const MAX_URI_CHARS = 6000;
/** Upper bound of a client's `initialize` parameters as JSON text. */
export const MAX_CLIENT_CHARS = 16_384;

export const sessionId = () => text(1, 64).describe('A random id chosen by the transport.');
/** A cell and the URI under which the client subscribed to it: notifications must use exactly this URI. */
export const subscribedCell = () =>
  z.strictObject({ uri: z.string().min(1).max(MAX_URI_CHARS), run_id: shortName(), key: keyPath() });
