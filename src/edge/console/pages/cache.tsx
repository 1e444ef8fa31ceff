import type * as z from 'zod';
import { consoleCache } from '../../../transport-tools/console.ts';
import { respondPage, type Viewer } from '../layout.tsx';
import { notShown } from '../not-shown.tsx';
import { Columns, count, Empty, Head, Meter, percent, size, Tabs, Tiles, usd } from '../parts.tsx';
import type { Visit } from '../visit.ts';

/** What the cache of model answers has saved. */

type Stats = z.output<typeof consoleCache.output>;

/** Lookups, and those of them that the cache has answered. */
function lookupsOf({ hits, misses, stale = 0, negative = 0 }: Omit<Stats['by_model'][number], 'model'>) {
  const answered = hits + stale + negative;
  return { answered, lookups: answered + misses };
}

const RANGES = [
  [undefined, '7 days'],
  ['30', '30 days'],
] as const;

export async function cachePage(visit: Visit): Promise<Response> {
  const { c, viewer } = visit;
  const days = c.req.query('days') || undefined;
  const read = await visit.read(consoleCache, { days });
  if (!read.ok) return notShown(visit, 'cache', read.error);
  const stats = read.value;
  const home = `${viewer.home}/cache`;
  const { lookups } = lookupsOf(stats);
  const tiles = [
    { name: 'Answered from the cache', value: percent(stats.hit_rate) },
    { name: 'Saved', value: usd(stats.usd_saved ?? 0) },
    { name: 'Tokens saved', value: count(stats.tokens_saved ?? 0) },
    { name: 'Lookups', value: count(lookups) },
    { name: 'Leases out', value: count(stats.leases_out) },
    { name: 'Stored', value: `${size(stats.bytes)} of ${size(stats.quota_bytes)}` },
  ];
  return respondPage(c, {
    title: 'Cache',
    viewer,
    at: 'cache',
    body: (
      <>
        <h1>Cache</h1>
        <Tabs
          label="Time"
          tabs={RANGES.map(([value, name]) => ({
            name,
            href: value === undefined ? home : `${home}?days=${value}`,
            isCurrent: value === days,
          }))}
        />
        <Tiles tiles={tiles} />
        {lookups === 0 ? (
          <Empty title="Nothing was looked up in this time.">
            <p>
              A program asks <code>cache_get</code> with a model and a prompt before it asks the model, and
              stores the answer with <code>cache_set</code>.
            </p>
          </Empty>
        ) : (
          <>
            <Charts days={stats.by_day} />
            <h2>By day</h2>
            <Days days={stats.by_day} />
            <h2>By model</h2>
            <Models models={stats.by_model} />
            <h2>By namespace</h2>
            <Namespaces namespaces={stats.by_namespace} />
            <p class="soft">
              {count(stats.coalesced ?? 0)} lookups waited for another caller's answer,{' '}
              <Rejected times={stats.rejected ?? 0} viewer={viewer} /> not good enough to store,{' '}
              {count(stats.evicted ?? 0)} entries made room, {count(stats.entries)} can be served now.
            </p>
          </>
        )}
      </>
    ),
  });
}

/** The hit rate and the money saved, day by day. */
function Charts({ days }: { days: Stats['by_day'] }) {
  const rates = days.map(({ answered, lookups }) => (lookups === 0 ? 0 : answered / lookups));
  const saved = days.map(({ usd_saved }) => usd_saved);
  const asked = rates.filter((_, day) => days[day]?.lookups !== 0);
  const span = `${days[0]?.day} to today`;
  return (
    <div class="charts">
      <figure>
        <figcaption>
          <strong>Hit rate</strong>{' '}
          <span class="soft">
            {percent(Math.min(...asked))} to {percent(Math.max(...asked))}, {span}
          </span>
        </figcaption>
        <Columns values={rates} most={1} />
      </figure>
      <figure>
        <figcaption>
          <strong>Saved</strong>{' '}
          <span class="soft">
            at most {usd(Math.max(...saved))} a day, {span}
          </span>
        </figcaption>
        <Columns values={saved} most={Math.max(...saved)} />
      </figure>
    </div>
  );
}

/** The calls, which say why each answer was not stored. */
function Rejected({ times, viewer: { scopes, home } }: { times: number; viewer: Viewer }) {
  const text = times === 1 ? '1 answer was' : `${count(times)} answers were`;
  if (times === 0 || !scopes.includes('records:read')) return <>{text}</>;
  return <a href={`${home}/calls?tool=cache_set&outcome=bad`}>{text}</a>;
}

const Namespaces = ({ namespaces }: { namespaces: Stats['by_namespace'] }) => (
  <table class="rows days">
    <Head columns={['Namespace', 'From the cache', '#Hit rate', '#Lookups', '#Saved']} />
    <tbody>
      {namespaces.map(({ namespace, answered, lookups, usd_saved: saved }) => (
        <CountersRow name={namespace || 'not known'} answered={answered} lookups={lookups} saved={saved} />
      ))}
    </tbody>
  </table>
);

const Days = ({ days }: { days: Stats['by_day'] }) => (
  <table class="rows days">
    <Head columns={['Day (UTC)', 'From the cache', '#Hit rate', '#Lookups', '#Saved']} />
    <tbody>
      {days.toReversed().map(({ day, answered, lookups, usd_saved: saved }) => (
        <CountersRow name={day} answered={answered} lookups={lookups} saved={saved} />
      ))}
    </tbody>
  </table>
);

const Models = ({ models }: { models: Stats['by_model'] }) => (
  <table class="rows days">
    <Head columns={['Model', 'From the cache', '#Hit rate', '#Lookups', '#Saved']} />
    <tbody>
      {models.map((counters) => (
        <ModelRow counters={counters} />
      ))}
    </tbody>
  </table>
);

function ModelRow({ counters }: { counters: Stats['by_model'][number] }) {
  const { answered, lookups } = lookupsOf(counters);
  return (
    <CountersRow
      name={counters.model}
      answered={answered}
      lookups={lookups}
      saved={counters.usd_saved ?? 0}
    />
  );
}

interface Counters {
  readonly name: string;
  readonly answered: number;
  readonly lookups: number;
  readonly saved: number;
}

const CountersRow = ({ name, answered, lookups, saved }: Counters) => (
  <tr>
    <td class="d-day">
      <bdi class="clip">{name}</bdi>
    </td>
    <td class="d-bar">
      <Meter part={answered} whole={lookups} />
    </td>
    <td class="d-rate number">{lookups === 0 ? '–' : percent(answered / lookups)}</td>
    <td class="d-lookups number">
      {count(lookups)}
      <span class="unit"> lookups</span>
    </td>
    <td class="d-saved number">{usd(saved)}</td>
  </tr>
);
