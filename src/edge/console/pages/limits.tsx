import type * as z from 'zod';
import { recordsSummary } from '../../../tenant/records/reading/summary.ts';
import { consoleLimits } from '../../../transport-tools/console.ts';
import { respondPage, type Viewer } from '../layout.tsx';
import { notShown } from '../not-shown.tsx';
import { count, duration, Head, LiveMark, Meter, size, Tiles, Time, Title } from '../parts.tsx';
import type { Visit } from '../visit.ts';

/** What may still be called and stored, and which limits have refused calls in the last hour. */

type Limits = z.output<typeof consoleLimits.output>;
type Bucket = Limits['limits'][number];
type Summary = z.output<typeof recordsSummary.output>;

/** The part of an hour's calls that a bucket may refuse before a higher limit is suggested. */
const TOO_MANY = 0.01;

export async function limitsPage(visit: Visit): Promise<Response> {
  const { c, viewer, now } = visit;
  const mayReadRecords = viewer.scopes.includes('records:read');
  const [read, summary] = await Promise.all([
    visit.read(consoleLimits, {}),
    mayReadRecords ? visit.read(recordsSummary, {}) : undefined,
  ]);
  if (!read.ok) return notShown(visit, 'limits', read.error);
  const { limits, calls = [], storage } = read.value;
  const hour = summary?.ok ? summary.value : undefined;
  const rows = limits
    .map((bucket) => ({ bucket, refused: refusedBy(bucket, hour) }))
    .toSorted(
      (a, b) =>
        Number(b.bucket.scope === 'tenant') - Number(a.bucket.scope === 'tenant') || b.refused - a.refused,
    );
  const tiles = [
    {
      name: 'Stored',
      value: `${size(storage.bytes)} of ${size(storage.quota_bytes)}`,
      tone: storage.bytes > 0.9 * storage.quota_bytes ? ('warn' as const) : ('plain' as const),
    },
    ...calls.map(({ period, remaining, quota }) => ({
      name: `Calls left this ${period}`,
      value: `${count(remaining)} of ${count(quota)}`,
      tone: remaining < 0.1 * quota ? ('warn' as const) : ('plain' as const),
    })),
    ...(hour === undefined ? [] : [{ name: 'Refused, last hour', value: count(hour.refused) }]),
  ];
  return respondPage(c, {
    title: 'Limits',
    viewer,
    at: 'limits',
    body: (
      <>
        <Title live={<LiveMark kind="clock" />}>Limits</Title>
        {viewer.isOperator && (
          <p>
            <a href={`${viewer.home}/manage`}>Change limits and quotas</a>
          </p>
        )}
        <p class="soft lead">
          Each call takes tokens from the bucket of the tenant and from that of its tool, which refill all the
          time. As of <Time at={now} near={now} /> UTC; reload for the calls since then.
        </p>
        <Tiles tiles={tiles} />
        {rows
          .filter(({ refused }) => hour !== undefined && refused > TOO_MANY * hour.calls)
          .map(({ bucket, refused }) => (
            <Suggestion bucket={bucket} refused={refused} calls={hour?.calls ?? 0} viewer={viewer} />
          ))}
        <BucketTable rows={rows} hasRefusals={hour !== undefined} home={viewer.home} />
      </>
    ),
  });
}

/** Calls that a bucket has refused in the last hour. */
const refusedBy = ({ scope, tool }: Bucket, hour: Summary | undefined): number =>
  (hour?.refusals ?? [])
    .filter((refusal) => refusal.scope === scope && (scope === 'tenant' || refusal.tool === tool))
    .reduce((sum, { times }) => sum + times, 0);

function Suggestion({
  bucket: { tool, refill_per_s: rate, capacity },
  refused,
  calls,
  viewer: { tenant, home, isOperator },
}: {
  bucket: Bucket;
  refused: number;
  calls: number;
  viewer: Viewer;
}) {
  const ofTool = tool === undefined ? '' : `--tool ${tool} `;
  return (
    <div class="notice">
      <p>
        <strong>{tool ?? 'The tenant'}</strong> was refused {count(refused)} times in the last hour, of{' '}
        {count(calls)} calls in all. If these agents are meant to be so quick,{' '}
        {isOperator ? 'double the limit.' : 'the operator doubles the limit with:'}
      </p>
      {isOperator ? (
        <form method="post" action={`${home}/manage`}>
          <input type="hidden" name="tool" value={tool ?? ''} />
          <input type="hidden" name="rate" value={Math.min(100_000, rate * 2)} />
          <input type="hidden" name="burst" value={Math.min(1_000_000, capacity * 2)} />
          <button type="submit" name="action" value="limit">
            Set {count(rate * 2)} a second, burst {count(capacity * 2)}
          </button>
        </form>
      ) : (
        <pre tabindex={0}>
          <code>
            npm run -s tenant -- limits {tenant} {ofTool}--set rate={rate * 2} burst={capacity * 2}
          </code>
        </pre>
      )}
    </div>
  );
}

const BucketTable = ({
  rows,
  hasRefusals,
  home,
}: {
  rows: readonly { bucket: Bucket; refused: number }[];
  hasRefusals: boolean;
  home: string;
}) => (
  <table class="rows buckets">
    <Head
      columns={[
        'Bucket',
        'Level',
        '#Left',
        '#Refill a second',
        '#Full in',
        ...(hasRefusals ? ['#Refused, last hour'] : []),
      ]}
    />
    <tbody>
      {rows.map(
        ({ bucket: { tool, remaining, capacity, refill_per_s: rate, resets_in_ms: ms }, refused }) => (
          <tr data-rate={rate} data-level={remaining} data-most={capacity}>
            <td class="d-day">{tool ?? <strong>the tenant</strong>}</td>
            <td class="d-bar">
              <Meter part={remaining} whole={capacity} />
            </td>
            <td class="d-rate number">
              {count(remaining)} of {count(capacity)}
            </td>
            <td class="d-lookups number">
              {count(rate)}
              <span class="unit"> a second</span>
            </td>
            <td class="d-saved number soft">{ms === 0 ? 'full' : duration(ms)}</td>
            {hasRefusals && (
              <td class="d-refused number">
                {refused === 0 ? (
                  <span class="soft">0</span>
                ) : (
                  <a
                    class="bad"
                    href={`${home}/calls?outcome=refused&since=1h${tool === undefined ? '' : `&tool=${tool}`}`}
                  >
                    {count(refused)}
                  </a>
                )}
                <span class="unit"> refused</span>
              </td>
            )}
          </tr>
        ),
      )}
    </tbody>
  </table>
);
