import type { Scope } from '../tools/tool.ts';

/** The published tool that shows what resources, their notifications, completions and the console show of the family. */
const SHOWN_BY: Partial<Record<Scope, string>> = {
  'blackboard:read': 'blackboard_read',
  'scar:read': 'scar_list',
  'cache:read': 'cache_stats',
};

/**
 * The published tool that a client which is held to named tools must have, to use an internal tool of this scope.
 * @returns undefined for an internal tool that shows nothing
 */
export function coveredBy({ scope }: { readonly scope: Scope | 'any' }): string | undefined {
  return scope === 'any' ? undefined : SHOWN_BY[scope];
}

/** What reading the cells of the blackboard as resources needs. */
export const RESOURCE_TOOL = 'blackboard_read';
