import * as z from 'zod';
import { count, optionalName, shortName, text } from '../fields.ts';

/** The board that a call uses when it names none. */
export const DEFAULT_RUN = 'default';
/** Topic for `ToolContext.touch`: waiting `blackboard_watch` calls are woken by it. */
export const boardTopic = (runId: string) => `blackboard:${runId}`;
/** Touched when a cell of the board may have become free: waiting `blackboard_claim` calls are woken by it. */
export const queueTopic = (runId: string) => `queue:${runId}`;
/** The largest revision that an argument may name. */
const MAX_REV = 1_000_000_000_000;

export const revision = () => z.int().min(0).max(MAX_REV);
/** What answers show of a claim, beside its state and holder. */
export const claimFields = {
  age_s: count().optional().describe('Since it was claimed.'),
  expires_in_s: count().optional().describe('Until the claim, or the delay, ends.'),
  attempts: count().optional().describe('Claims since the last result; omitted if none.'),
  failed: z.string().optional().describe('Why the last attempt failed.'),
};
export const agent = () => optionalName().describe('Prefix: the key is agent/key.');
export const claimId = () => shortName(64);
export const prefix = () => text(1, 256).optional();
/** A text to filter keys by, in tools that only read. */
export const prefixFilter = () => prefix();
