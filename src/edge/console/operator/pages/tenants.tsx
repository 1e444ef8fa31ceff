import type { Context } from 'hono';
import { type Activity, troublesOf } from '../../../../meters/activity-rows.ts';
import type { AppEnv } from '../../../http/isolate.ts';
import { OPERATOR_HOME } from '../../layout.tsx';
import { age, count, Empty, Head, Meter, Older, percent, query, size, Time } from '../../parts.tsx';
import { respondOperatorPage, TENANTS_PATH } from '../frame.tsx';
import type { OperatorSession } from '../session.ts';
import {
  type ListedTenant,
  listTenants,
  ORDERS,
  type Order,
  type TenantFilters,
  tenantFilters,
} from '../tenant-list.ts';

/** All tenants, those in trouble first. What they do comes from their own reports: no tenant is asked. */

const REFRESH_S = 10;
const ORDER_NAMES: Readonly<Record<Order, string>> = {
  trouble: 'Trouble',
  calls: 'Calls',
  not_ok: 'Not ok',
  refused: 'Refused',
  storage: 'Storage',
  headroom: 'Least left in the bucket',
  name: 'Name',
};

export async function tenantsPage(c: Context<AppEnv>, session: OperatorSession): Promise<Response> {
  const now = c.var.arrival.receivedAt;
  const filters = tenantFilters.parse(c.req.query());
  const { sort, prefix, status } = filters;
  const page = await listTenants(c, filters);
  const isFiltered = prefix !== '' || status !== undefined;
  return respondOperatorPage(c, session, {
    title: 'Tenants',
    at: 'tenants',
    status: page === undefined ? 503 : 200,
    body: (
      <div data-refresh={page?.isFirst ? REFRESH_S : undefined}>
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
        {page?.tenants.length === 0 && <NoTenants isFiltered={isFiltered} isFirst={page.isFirst} />}
        {page !== undefined && page.tenants.length > 0 && (
          <>
            <TenantTable tenants={page.tenants} now={now} />
            <p class="soft lead">
              As of <Time at={now} near={now} /> UTC, of the last five to ten minutes. Each tenant reports
              once a minute while it is called. In trouble is a tenant by the worst of three: calls that were
              not ok, a bucket less than half full, and a storage beyond 80 % of its quota.
            </p>
          </>
        )}
        <Older
          href={page?.next && TENANTS_PATH + query({ sort: page.sort, prefix, status, cursor: page.next })}
          text="More tenants"
        />
      </div>
    ),
  });
}

const FilterForm = ({ filters: { sort, prefix, status } }: { filters: TenantFilters }) => (
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

const TenantTable = ({ tenants, now }: { tenants: readonly ListedTenant[]; now: number }) => (
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
      <td class={troublesOf(activity).storage > 0 ? 'n-storage full' : 'n-storage'}>
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

/** From which on trouble is worth a word, and from which on it is bad. */
const NOTABLE = 0.1;
const BAD = 0.4;

/** The worst that there is to say of a tenant. */
function State({ status, activity }: Pick<ListedTenant, 'status' | 'activity'>) {
  if (status === 'suspended') return <span class="status plain">suspended</span>;
  if (activity === undefined) return null;
  const { calls, notOk, headroom, storageBytes, storageQuotaBytes } = activity;
  const troubles = troublesOf(activity);
  const signs = [
    { trouble: troubles.notOk, words: `${percent(notOk / Math.max(calls, notOk, 1))} not ok` },
    { trouble: troubles.bucket, words: `${percent(headroom)} of the bucket left` },
    {
      trouble: troubles.storage,
      words: `storage ${percent(storageBytes / Math.max(storageQuotaBytes, 1))} full`,
    },
  ];
  const worst = signs.toSorted((a, b) => b.trouble - a.trouble)[0];
  if (worst === undefined || worst.trouble < NOTABLE) return <span class="status ok">ok</span>;
  return <span class={`status ${worst.trouble >= BAD ? 'bad' : 'warn'}`}>{worst.words}</span>;
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
