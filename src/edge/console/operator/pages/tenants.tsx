import type { Context } from 'hono';
import * as z from 'zod';
import { ACTIVITY_ORDERS, type Activity } from '../../../../meters/activity-rows.ts';
import type { AppEnv } from '../../../http/isolate.ts';
import { sealerOf } from '../../../oauth/seal.ts';
import { OPERATOR_HOME } from '../../layout.tsx';
import { age, count, Empty, Head, Meter, Older, percent, query, size, Time } from '../../parts.tsx';
import { attempt } from '../attempt.ts';
import { respondOperatorPage, TENANTS_PATH } from '../frame.tsx';
import type { OperatorSession } from '../session.ts';

/** All tenants, those in trouble first. What they do comes from their own reports: no tenant is asked. */

type Ctx = Context<AppEnv>;

const PAGE = 50;
const REFRESH_S = 10;

const ORDERS = [...ACTIVITY_ORDERS, 'name'] as const;
type Order = (typeof ORDERS)[number];
const ORDER_NAMES: Readonly<Record<Order, string>> = {
  trouble: 'Trouble',
  calls: 'Calls',
  not_ok: 'Not ok',
  refused: 'Refused',
  storage: 'Storage',
  headroom: 'Least left in the bucket',
  name: 'Name',
};

/** What no form of the page sends is as if it were not there. */
const asked = z.object({
  sort: z.enum(ORDERS).catch('trouble'),
  prefix: z.string().trim().toLowerCase().max(63).catch(''),
  status: z.enum(['active', 'suspended']).optional().catch(undefined),
  cursor: z.string().max(1024).optional().catch(undefined),
});
type Asked = z.output<typeof asked>;

const position = z.object({ list: z.string(), key: z.number(), id: z.string() });
/** A cursor is of the list with these filters alone. */
const listOf = ({ sort, prefix, status }: Asked) => `${sort} ${prefix} ${status ?? ''}`;

/** A tenant of the list. */
interface Listed {
  readonly id: string;
  readonly status: 'active' | 'suspended';
  /** undefined before its first report. */
  readonly activity: Activity | undefined;
}

interface Page {
  readonly tenants: readonly Listed[];
  /** Where the next page begins. */
  readonly next: z.output<typeof position> | undefined;
  /** By what they are sorted, which is the name where there are no numbers. */
  readonly sort: Order;
  /** Whether the numbers could not be read, so that the tenants are sorted by name. */
  readonly isWithoutNumbers: boolean;
}

export async function tenantsPage(c: Ctx, session: OperatorSession): Promise<Response> {
  const now = c.var.arrival.receivedAt;
  const filters = asked.parse(c.req.query());
  const { sort, prefix, status, cursor } = filters;
  const opened =
    cursor === undefined ? undefined : sealerOf(c.var.isolate.config).open('page', cursor, position);
  const after = opened?.list === listOf(filters) ? opened : undefined;
  const page = await pageOf(c, filters, after);
  const next = page?.next && sealerOf(c.var.isolate.config).seal('page', page.next);
  const isFiltered = prefix !== '' || status !== undefined;
  return respondOperatorPage(c, session, {
    title: 'Tenants',
    at: 'tenants',
    status: page === undefined ? 503 : 200,
    body: (
      <div data-refresh={after === undefined ? REFRESH_S : undefined}>
        <h1>Tenants</h1>
        <FilterForm filters={filters} />
        {page === undefined && (
          <p class="alert">
            The list of tenants cannot be read. Tenants work without it, and each is at{' '}
            <code>{TENANTS_PATH}/NAME</code>. The <a href={`${OPERATOR_HOME}/health`}>health page</a> says
            what is broken.
          </p>
        )}
        {page?.isWithoutNumbers && sort !== 'name' && (
          <p class="notice">The numbers cannot be read now, so that the tenants are sorted by name.</p>
        )}
        {page?.tenants.length === 0 && <NoTenants isFiltered={isFiltered} isFirst={after === undefined} />}
        {page !== undefined && page.tenants.length > 0 && (
          <>
            <TenantTable tenants={page.tenants} now={now} />
            <p class="soft">
              Numbers are of the last five to ten minutes, as of <Time at={now} near={now} /> UTC. Each tenant
              reports once a minute while it is called.
            </p>
          </>
        )}
        <Older
          href={next && TENANTS_PATH + query({ sort: page?.sort, prefix, status, cursor: next })}
          text="More tenants"
        />
      </div>
    ),
  });
}

async function pageOf(
  c: Ctx,
  filters: Asked,
  after: z.output<typeof position> | undefined,
): Promise<Page | undefined> {
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
  filters: Asked,
  after: z.output<typeof position> | undefined,
): Promise<Page | undefined> {
  const { prefix, status } = filters;
  const rows = await attempt(
    c,
    async (): Promise<{ id: string; status: Listed['status'] }[]> =>
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

const FilterForm = ({ filters: { sort, prefix, status } }: { filters: Asked }) => (
  <form class="filters" method="get" action={TENANTS_PATH}>
    <label>
      Sorted by
      <select name="sort">
        {ORDERS.map((order) => (
          <option value={order} selected={order === sort}>
            {ORDER_NAMES[order]}
          </option>
        ))}
      </select>
    </label>
    <label>
      Name begins with
      <input name="prefix" value={prefix} maxlength={63} placeholder="any" />
    </label>
    <label>
      Status
      <select name="status">
        {[
          ['', 'any'],
          ['active', 'active'],
          ['suspended', 'suspended'],
        ].map(([value, name]) => (
          <option value={value} selected={value === (status ?? '')}>
            {name}
          </option>
        ))}
      </select>
    </label>
    <button type="submit">Show</button>
    {(prefix !== '' || status !== undefined) && (
      <a class="clear" href={TENANTS_PATH + query({ sort })}>
        Clear
      </a>
    )}
  </form>
);

const TenantTable = ({ tenants, now }: { tenants: readonly Listed[]; now: number }) => (
  <table class="rows tenants">
    <Head
      columns={[
        'Tenant',
        'How it does',
        '#Calls a minute',
        '#Not ok',
        '#Refused',
        'Storage',
        'Bucket',
        'Reported',
      ]}
    />
    <tbody>
      {tenants.map(({ id, status, activity }) => (
        <tr>
          <td class="n-name">
            <a data-row href={`${TENANTS_PATH}/${id}`}>
              {id}
            </a>
          </td>
          <td class="n-state">
            <State status={status} activity={activity} />
          </td>
          {activity === undefined ? (
            <td class="n-silent soft" colspan={6}>
              has not reported yet
            </td>
          ) : (
            <Numbers activity={activity} now={now} />
          )}
        </tr>
      ))}
    </tbody>
  </table>
);

const rate = (value: number) => (value === 0 || value >= 10 ? count(Math.round(value)) : value.toFixed(1));

function Numbers({ activity, now }: { activity: Activity; now: number }) {
  const { id, callsAMinute, calls, notOk, refused, storageBytes, storageQuotaBytes, headroom } = activity;
  const home = `${TENANTS_PATH}/${id}`;
  return (
    <>
      <td class="n-calls number">
        {rate(callsAMinute)}
        <span class="unit"> calls a minute</span>
      </td>
      <td class="n-bad number">
        {notOk === 0 ? (
          <span class="soft">0 %</span>
        ) : (
          <a href={`${home}/calls?outcome=bad&since=15m`}>{percent(notOk / Math.max(calls, notOk))}</a>
        )}
        <span class="unit"> not ok</span>
      </td>
      <td class="n-refused number">
        {refused === 0 ? (
          <span class="soft">0</span>
        ) : (
          <a class="bad" href={`${home}/calls?outcome=refused&since=15m`}>
            {count(refused)}
          </a>
        )}
        <span class="unit"> refused</span>
      </td>
      <td class={storageBytes > STORAGE_FULL * storageQuotaBytes ? 'n-storage full' : 'n-storage'}>
        <Meter part={storageBytes} whole={storageQuotaBytes} />
        <span class="soft">
          {size(storageBytes)}, {percent(storageBytes / Math.max(storageQuotaBytes, 1))}
        </span>
      </td>
      <td class="n-bucket">
        <Meter part={headroom} whole={1} />
        <span class="soft">{percent(headroom)} left</span>
      </td>
      <td class="n-at soft">{age(Math.max(0, now - activity.reportedAt) / 1000)}</td>
    </>
  );
}

/** From which part of its quota on a storage is nearly full. */
const STORAGE_FULL = 0.8;
/** From which part on something is worth a word, and from which on it is bad. */
const NOTABLE = 0.1;
const BAD = 0.4;

/** The worst that there is to say of a tenant. */
function State({ status, activity }: Pick<Listed, 'status' | 'activity'>) {
  if (status === 'suspended') return <span class="status plain">suspended</span>;
  if (activity === undefined) return null;
  const { calls, notOk, headroom, storageBytes, storageQuotaBytes, key } = activity;
  const stored = storageBytes / Math.max(storageQuotaBytes, 1);
  const failed = notOk / Math.max(calls, notOk, 1);
  const signs = [
    { part: failed, isWorth: notOk > 0 && failed >= NOTABLE, words: `${percent(failed)} not ok` },
    { part: 1 - headroom, isWorth: 1 - headroom >= BAD, words: `${percent(headroom)} of the bucket left` },
    { part: stored, isWorth: stored > STORAGE_FULL, words: `storage ${percent(stored)} full` },
  ];
  const worst = signs.filter(({ isWorth }) => isWorth).toSorted((a, b) => b.part - a.part)[0];
  if (worst === undefined || key < 0) return <span class="status ok">ok</span>;
  return <span class={`status ${worst.part >= BAD ? 'bad' : 'warn'}`}>{worst.words}</span>;
}

function NoTenants({ isFiltered, isFirst }: { isFiltered: boolean; isFirst: boolean }) {
  if (isFiltered || !isFirst)
    return (
      <Empty title={isFiltered ? 'No tenant matches.' : 'There are no more tenants.'}>
        <p>
          <a href={TENANTS_PATH}>Show all tenants</a>
        </p>
      </Empty>
    );
  return (
    <Empty title="There are no tenants yet.">
      <p>Create one, then give it a token:</p>
      <pre tabindex={0}>
        <code>{`npm run -s tenant -- create acme
npm run -s tenant -- token acme --label agents`}</code>
      </pre>
    </Empty>
  );
}
