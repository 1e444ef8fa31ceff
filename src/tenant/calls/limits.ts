import { ConfigError, placeOf } from '../../config.ts';
import type { BucketLimit, LimitChange, LimitOverrides, Limits } from '../contract/limit-settings.ts';

/** The limits of a tenant and its tools: which ones apply, and whether they make sense. */

/** A tool as the limiter sees it; `cost` in tokens. */
export interface Priced {
  readonly name: string;
  readonly cost: number;
}

/** What is wrong with limits, if anything. A burst below the cost of a call would refuse that call for ever. */
export function limitsProblem(
  limits: Limits,
  overrides: LimitOverrides,
  tools: readonly Priced[],
): string | undefined {
  const known = new Set(tools.map((tool) => tool.name));
  const unknown = Object.keys(overrides.tools).find((name) => !known.has(name));
  if (unknown !== undefined) return `there is no tool named ${unknown}`;
  for (const { name, cost } of tools) {
    const tenant = overrides.tenant ?? limits.tenant;
    if (cost > tenant.burst)
      return `the tenant's burst of ${tenant.burst} is below the cost of ${name} (${cost})`;
    const own = limitOf(name, limits, overrides);
    if (cost > own.burst) return `the burst of ${own.burst} is below the cost of ${name} (${cost})`;
  }
  return undefined;
}

/**
 * Checks the limits of a deployment: each burst must pay for one call of every tool.
 * @throws ConfigError that names the settings
 */
export function requireAffordable(limits: Limits, tools: readonly Priced[]): void {
  const problem = limitsProblem(limits, { tools: {} }, tools);
  if (problem === undefined) return;
  throw new ConfigError([
    `TENANT_BURST and TOOL_BURST must each pay for one call of every tool, but ${problem}; raise it ${placeOf('TOOL_BURST')}.`,
  ]);
}

/** The limit of a tool's bucket. */
export function limitOf(tool: string, limits: Limits, overrides: LimitOverrides): BucketLimit {
  const own = Object.hasOwn(overrides.tools, tool) ? overrides.tools[tool] : undefined;
  return own ?? overrides.tool ?? limits.tool;
}

/** The overrides without the setting of one bucket. */
function withoutLimit({ tenant, tool, tools }: LimitOverrides, name: string | undefined): LimitOverrides {
  if (name === undefined) return { tools, ...(tool && { tool }) };
  if (name === '*') return { tools, ...(tenant && { tenant }) };
  const others = Object.entries(tools).filter(([other]) => other !== name);
  return { tools: Object.fromEntries(others), ...(tenant && { tenant }), ...(tool && { tool }) };
}

/** The overrides after a change. What the change leaves out keeps its effective value. */
export function changedLimits(
  limits: Limits,
  overrides: LimitOverrides,
  change: LimitChange,
): LimitOverrides {
  if (change.unset === true) return withoutLimit(overrides, change.tool);
  const merged = (limit: BucketLimit): BucketLimit => ({
    rate: change.rate ?? limit.rate,
    burst: change.burst ?? limit.burst,
  });
  if (change.tool === undefined) return { ...overrides, tenant: merged(overrides.tenant ?? limits.tenant) };
  if (change.tool === '*') return { ...overrides, tool: merged(overrides.tool ?? limits.tool) };
  const tools = { ...overrides.tools, [change.tool]: merged(limitOf(change.tool, limits, overrides)) };
  return { ...overrides, tools };
}
