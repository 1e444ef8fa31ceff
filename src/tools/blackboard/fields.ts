import * as z from 'zod';
import { optionalName, shortName, text } from '../fields.ts';

/** The board that a call uses when it names none. */
export const DEFAULT_RUN = 'default';
/** Topic for `ToolContext.touch`: waiting `blackboard_watch` calls are woken by it. */
export const boardTopic = (runId: string) => `blackboard:${runId}`;
/** The largest revision that an argument may name. */
const MAX_REV = 1_000_000_000_000;

export const revision = () => z.int().min(0).max(MAX_REV);
export const agent = () => optionalName().describe('Prefix: the key is agent/key.');
export const claimId = () => shortName(64);
export const prefix = () => text(1, 256).optional();
/** A text to filter keys by, in tools that only read. */
export const prefixFilter = () => prefix();
