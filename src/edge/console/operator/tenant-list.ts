import type { Context } from 'hono';
import * as z from 'zod';
import { ACTIVITY_ORDERS, type Activity } from '../../../meters/activity-rows.ts';
import { attempt } from '../../http/attempt.ts';
import type { AppEnv } from '../../http/isolate.ts';
import { sealerOf } from '../../oauth/seal.ts';

/** A page of the list of tenants: their numbers come from their own reports, so that no tenant is asked. */

type Ctx = Context<AppEnv>;

const PAGE = 50;

export const ORDERS = [...ACTIVITY_ORDERS, 'name'] as const;
export type Order = (typeof ORDERS)[number];
/** What no form of the page sends is as if it were not there. */
export const tenantFilters = z.object({
  sort: z.enum(ORDERS).catch('trouble'),
  prefix: z.string().trim().toLowerCase().max(63).catch(''),
  status: z.enum(['active', 'suspended']).optional().catch(undefined),
  cursor: z.string().max(1024).optional().catch(undefined),
});
export type TenantFilters = z.output<typeof tenantFilters>;
type Position = z.output<typeof position>;

const position = z.object({ list: z.string(), key: z.number(), id: z.string() });
/** A cursor is of the list with these filters alone. */
const listOf = ({ sort, prefix, status }: TenantFilters) => `${sort} ${prefix} ${status ?? ''}`;

/** A tenant of the list. */
export interface ListedTenant {
  readonly id: string;
  readonly status: 'active' | 'suspended';
  /** undefined before its first report. */
  readonly activity: Activity | undefined;
}

interface Rows {
  readonly tenants: readonly ListedTenant[];
  /** Where the next page begins. */
  readonly next: Position | undefined;
  /** By what they are sorted, which is the name where there are no numbers. */
  readonly sort: Order;
  /** Whether the numbers could not be read, so that the tenants are sorted by name. */
  readonly isWithoutNumbers: boolean;
}

/** One page of the list. */
export interface TenantPage extends Omit<Rows, 'next'> {
  /** Whether it is the first page. */
  readonly isFirst: boolean;
  /** The cursor of the next page. */
  readonly next: string | undefined;
}

/** The page that a request asks for; undefined when the list cannot be read. */
export async function listTenants(c: Ctx, filters: TenantFilters): Promise<TenantPage | undefined> {
  const { cursor } = filters;
  const sealer = sealerOf(c.var.isolate.config);
  const opened = cursor === undefined ? undefined : sealer.open('page', cursor, position);
  const after = opened?.list === listOf(filters) ? opened : undefined;
  const rows = await rowsOf(c, filters, after);
  if (rows === undefined) return undefined;
  const next = rows.next && sealer.seal('page', rows.next);
  return { ...rows, next, isFirst: after === undefined };
}

async function rowsOf(
  c: Ctx,
  filters: TenantFilters,
  after: Position | undefined,
): Promise<Rows | undefined> {
  const { sort, prefix, status } = filters;
  if (sort === 'name') return byName(c, filters, after);
  const meters = c.env.METERS.getByName('meters');
  const rows = await attempt(
    c,
    async (): Promise<Activity[]> => meters.activity({ order: sort, limit: PAGE + 1, after, prefix, status }),
  );
  // Tenants that have not reported yet are in the list by name.
  if (rows === undefined || (rows.length === 0 && after === undefined)) return byName(c, filters, undefined);
  const tenants = rows
    .slice(0, PAGE)
    .map((activity) => ({ id: activity.id, status: activity.status, activity }));
  const last = rows.length > PAGE ? rows[PAGE - 1] : undefined;
  const next = last && { list: listOf(filters), key: last.key, id: last.id };
  return { tenants, next, sort, isWithoutNumbers: false };
}

async function byName(
  c: Ctx,
  filters: TenantFilters,
  after: Position | undefined,
): Promise<Rows | undefined> {
  const { prefix, status } = filters;
  const rows = await attempt(
    c,
    async (): Promise<{ id: string; status: ListedTenant['status'] }[]> =>
      c.env.REGISTRY.getByName('registry').list({ limit: PAGE + 1, after: after?.id ?? '', prefix, status }),
  );
  if (rows === undefined) return undefined;
  const shown = rows.slice(0, PAGE);
  const activities = await attempt(
    c,
    async (): Promise<Activity[]> => c.env.METERS.getByName('meters').activityOf(shown.map(({ id }) => id)),
  );
  const known = new Map((activities ?? []).map((activity) => [activity.id, activity]));
  const last = rows.length > PAGE ? shown.at(-1) : undefined;
  return {
    tenants: shown.map(({ id, status: now }) => ({ id, status: now, activity: known.get(id) })),
    next: last && { list: listOf({ ...filters, sort: 'name' }), key: 0, id: last.id },
    sort: 'name',
    isWithoutNumbers: activities === undefined,
  };
}
