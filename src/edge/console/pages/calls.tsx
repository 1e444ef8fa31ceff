import type { Context } from 'hono';
import type * as z from 'zod';
import { recordsList } from '../../../tenant/records/reading/calls.ts';
import { changeText } from '../../../tenant/records/reading/changes.ts';
import type { Entry } from '../../../tenant/records/reading/entry.ts';
import { recordsSummary } from '../../../tenant/records/reading/summary.ts';
import { ownOrigin } from '../../http/host.ts';
import type { AppEnv } from '../../http/isolate.ts';
import { respondPage } from '../layout.tsx';
import { notShown } from '../not-shown.tsx';
import {
  argumentsText,
  Caller,
  count,
  duration,
  Empty,
  Field,
  Head,
  LiveMark,
  Older,
  query,
  Status,
  Tabs,
  Tiles,
  Time,
  Title,
} from '../parts.tsx';
import type { Visit } from '../visit.ts';

/** What was called and refused, newest first. */

export type Summary = z.output<typeof recordsSummary.output>;

/** The filters of the page, which are parameters of its URL and arguments of the list. */
const FILTERS = [
  'outcome',
  'tool',
  'key',
  'client',
  'token',
  'code',
  'run',
  'since',
  'until',
  'internal',
] as const;
type Filters = Partial<Record<(typeof FILTERS)[number], string>>;

const OUTCOMES = [
  [undefined, 'All'],
  ['bad', 'Not ok'],
  ['refused', 'Refused'],
  ['error', 'Failed'],
] as const;
const SINCE = [
  ['', 'any time'],
  ['15m', '15 minutes'],
  ['1h', 'an hour'],
  ['1d', 'a day'],
  ['7d', 'a week'],
] as const;

/** The filters that the URL has. */
export function filtersOf(c: Context<AppEnv>): Filters {
  return Object.fromEntries(
    FILTERS.flatMap((name) => {
      const value = c.req.query(name);
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
}

export async function callsPage(visit: Visit): Promise<Response> {
  const { c, viewer, now } = visit;
  const filters = filtersOf(c);
  const cursor = c.req.query('cursor');
  const [list, summary] = await Promise.all([
    visit.read(recordsList, { ...filters, ...(cursor === undefined ? {} : { cursor }) }),
    visit.read(recordsSummary, {}),
  ]);
  if (!list.ok) return notShown(visit, 'calls', list.error);
  if (!summary.ok) return notShown(visit, 'calls', summary.error);
  const { calls, next_cursor: next, newest } = list.value;
  // Only the newest calls are followed by others.
  const isLive = visit.live !== undefined && cursor === undefined && filters.until === undefined;
  const home = `${viewer.home}/calls`;
  const isFiltered = Object.keys(filters).length > 0;
  const isOnlyOperator = next === undefined && calls.every(({ transport }) => transport === 'admin');
  return respondPage(c, {
    title: 'Calls',
    viewer,
    at: 'calls',
    body: (
      <>
        <Title live={isLive && <LiveMark kind="rows" after={newest} />}>Calls</Title>
        <LastHour summary={summary.value} home={home} />
        <Tabs
          label="Outcome"
          tabs={OUTCOMES.map(([outcome, name]) => ({
            name,
            href: home + query({ ...filters, outcome }),
            isCurrent: filters.outcome === outcome,
          }))}
        />
        <FilterForm visit={visit} filters={filters} home={home} />
        {(calls.length === 0 || (isOnlyOperator && !isFiltered)) && (
          <NoCalls visit={visit} isFiltered={isFiltered} hasMore={next !== undefined} home={home} />
        )}
        {(calls.length > 0 || isLive) && <CallTable calls={calls} home={viewer.home} now={now} />}
        <Older href={next && home + query({ ...filters, cursor: next })} />
      </>
    ),
  });
}

/** The last hour in four numbers. */
export const LastHour = ({ summary, home }: { summary: Summary; home: string }) => (
  <Tiles
    tiles={[
      { name: 'Calls, last hour', value: count(summary.calls) },
      {
        name: 'Not ok',
        value: count(summary.not_ok),
        tone: summary.not_ok > 0 ? ('warn' as const) : ('plain' as const),
        href: `${home}?outcome=bad&since=1h`,
      },
      {
        name: 'Refused',
        value: count(summary.refused),
        tone: summary.refused > 0 ? ('bad' as const) : ('plain' as const),
        href: `${home}?outcome=refused&since=1h`,
      },
      { name: '95 % took at most', value: duration(summary.p95_ms) },
    ]}
  />
);

function FilterForm({ visit, filters, home }: { visit: Visit; filters: Filters; home: string }) {
  const names = visit.c.var.isolate.tools.names(undefined);
  const others = (['outcome', 'token', 'code', 'run', 'until', 'internal'] as const).filter(
    (name) => filters[name] !== undefined,
  );
  return (
    <form class="filters" method="get" action={home}>
      {others.map((name) => (
        <input type="hidden" name={name} value={filters[name]} />
      ))}
      <label>
        Tool
        <select name="tool">
          <option value="">any</option>
          {[...names, 'unknown', 'admin'].map((name) => (
            <option value={name} selected={name === filters.tool}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <Field label="Cell" name="key" value={filters.key} />
      <Field label="Client" name="client" value={filters.client} />
      <label>
        Within
        <select name="since">
          {SINCE.map(([value, name]) => (
            <option value={value} selected={value === (filters.since ?? '')}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <button type="submit">Filter</button>
      {Object.keys(filters).length > 0 && (
        <a class="clear" href={home}>
          Clear
        </a>
      )}
    </form>
  );
}

interface Shown {
  readonly calls: readonly Entry[];
  readonly home: string;
  readonly now: number;
}

/** A table without calls is hidden until there is one. */
const CallTable = (shown: Shown) => (
  <table class="rows calls" hidden={shown.calls.length === 0}>
    <Head columns={['Time (UTC)', 'Tool', 'Status', 'Arguments', 'Changed', '#Took', 'Caller']} />
    <tbody>
      <CallRows {...shown} />
    </tbody>
  </table>
);

export const CallRows = ({ calls, home, now }: Shown) => (
  <>
    {calls.map((call) => (
      <tr>
        <td class="c-time">
          <Time at={call.at} near={now} />
        </td>
        <td class="c-tool">
          {call.run > 0 ? (
            <a data-row href={`${home}/runs/${call.run}#call-${call.id}`}>
              {call.tool}
            </a>
          ) : (
            call.tool
          )}
        </td>
        <td class="c-status">
          <Status call={call} />
        </td>
        <td class="c-args">
          <bdi class="clip">{argumentsText(call.args)}</bdi>
        </td>
        <td class="c-changed">
          <Changed call={call} />
        </td>
        <td class="c-took number">{duration(call.took_ms)}</td>
        <td class="c-caller">
          <span class="clip">
            <Caller call={call} />
          </span>
        </td>
      </tr>
    ))}
  </>
);

function Changed({ call: { changes = [], rev_from: from, rev_to: to } }: { call: Entry }) {
  const [first] = changes;
  if (first === undefined) return null;
  if (to - from > 1)
    return (
      <>
        rev {from + 1}–{to}
      </>
    );
  return (
    <>
      rev {to}
      <span class="hidden"> {changeText(first)}</span>
    </>
  );
}

function NoCalls({
  visit,
  isFiltered,
  hasMore,
  home,
}: {
  visit: Visit;
  isFiltered: boolean;
  hasMore: boolean;
  home: string;
}) {
  if (hasMore)
    return (
      <Empty title="None of the newest 25,000 records match.">
        <p>Older ones may: go on with “Older”.</p>
      </Empty>
    );
  if (isFiltered)
    return (
      <Empty title="No call matches these filters.">
        <p>
          <a href={home}>Show all calls</a>
        </p>
      </Empty>
    );
  return (
    <Empty title="No agent has called yet.">
      <p>Make the first call, with a token that may write to the blackboard:</p>
      <pre tabindex={0}>
        <code>{`curl ${ownOrigin(visit.c)}/v1/tools/blackboard_write -H "Authorization: Bearer $TOKEN" \\
  -H "Content-Type: application/json" -d '{"key":"hello","value":"world"}'`}</code>
      </pre>
      <p>Or connect an MCP client to {ownOrigin(visit.c)}/mcp.</p>
    </Empty>
  );
}
