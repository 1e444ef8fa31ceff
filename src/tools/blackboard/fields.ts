import * as z from 'zod';
import { optionalName, shortName, text } from '../fields.ts';

/** The board of a call that names none. */
export const DEFAULT_RUN = 'default';
/** The topic on which those wait who watch a board. */
export const boardTopic = (runId: string) => `blackboard:${runId}`;
/** The largest revision that an argument may name. */
const MAX_REV = 1_000_000_000_000;

export const revision = () => z.int().min(0).max(MAX_REV);
export const agent = () => optionalName().describe('Prefix: the cell is <agent>/<key>.');
export const claimId = () => shortName(64);
export const prefix = () => text(1, 256).optional();
