import { sweepBlackboard } from './blackboard/sweep.ts';
import { sweepCache } from './cache/sweep.ts';
import { sweepScars } from './scar/sweep.ts';
import { sweepSessions } from './session/store.ts';
import type { Sql } from './tool.ts';

/** Reclaims at most about `limit` rows of a family that have expired at `now`, and says how many it did. */
export type Sweeper = (sql: Sql, now: number, limit: number) => number;

/** Every family's. */
export const sweepers: readonly Sweeper[] = [sweepBlackboard, sweepScars, sweepCache, sweepSessions];
