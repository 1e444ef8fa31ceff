/**
 * Every published tool, one line for each. A tool that is not listed here cannot be called; a tool that is listed is
 * rate-limited, validated, logged and isolated by the pipeline without any further code.
 */
export { blackboardClaim } from './blackboard/claim.ts';
export { blackboardDelete } from './blackboard/delete.ts';
export { blackboardList } from './blackboard/list.ts';
export { blackboardRead } from './blackboard/read.ts';
export { blackboardRelease } from './blackboard/release.ts';
export { blackboardWatch } from './blackboard/watch.ts';
export { blackboardWrite } from './blackboard/write.ts';
export { cacheGet } from './cache/get.ts';
export { cacheInvalidate } from './cache/invalidate.ts';
export { cacheSet } from './cache/set.ts';
export { cacheStats } from './cache/stats.ts';
export { scarCheck } from './scar/check.ts';
export { scarDelete } from './scar/delete.ts';
export { scarList } from './scar/list.ts';
export { scarLookup } from './scar/lookup.ts';
export { scarRecord } from './scar/record.ts';
export { scarResolve } from './scar/resolve.ts';
export { scarUpdate } from './scar/update.ts';
export { tenantApproval } from './tenant/approval.ts';
export { tenantLimits } from './tenant/limits.ts';
