import * as z from 'zod';
import { keyPath, shortName, text } from '../tools/fields.ts';

/** Longer than any URI of a cell: a board of 128 and a key of 256 characters, percent-encoded. */
const MAX_URI_CHARS = 6000;
export const MAX_CLIENT_CHARS = 16_384;

export const sessionId = () => text(1, 64).describe('Chosen by the transport, at random.');
/** A cell, and the URI by which the client knows it. */
export const watchedCell = () =>
  z.strictObject({ uri: z.string().min(1).max(MAX_URI_CHARS), run_id: shortName(), key: keyPath() });
