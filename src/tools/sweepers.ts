import { sweepBlackboard } from './blackboard/sweep.ts';
import { sweepCache } from './cache/sweep.ts';
import { sweepScars } from './scar/sweep.ts';
import type { Sql } from './tool.ts';

/** Reclaims at most about `limit` rows of a family that have expired at `now`, and says how many it did. */
export type Sweeper = (sql: Sql, now: number, limit: number) => number;

/** One for each family that stores what can expire. */
export const TOOL_SWEEPERS: readonly Sweeper[] = [sweepBlackboard, sweepScars, sweepCache];
