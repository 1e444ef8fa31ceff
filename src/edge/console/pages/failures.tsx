import type * as z from 'zod';
import { recordsStops } from '../../../tenant/records/reading/stops.ts';
import { consoleFailures } from '../../../transport-tools/console.ts';
import { respondPage } from '../layout.tsx';
import { notShown } from '../not-shown.tsx';
import { age, count, Empty, Field, Meter, Older, query, Tabs, Tiles } from '../parts.tsx';
import type { Visit } from '../visit.ts';

/** The failures that agents have recorded, with what fixed them. */

type Failure = z.output<typeof consoleFailures.output>['scars'][number];
type Told = z.output<typeof recordsStops.output>;
type Fix = Failure['known_fixes'][number];

const STATES = [
  [undefined, 'Current'],
  ['open', 'Open'],
  ['regressed', 'Came back'],
  ['resolved', 'Resolved'],
  ['muted', 'Muted'],
  ['archived', 'Archived'],
] as const;
const SORTS = [
  ['', 'newest first'],
  ['frequent', 'most frequent first'],
  ['severe', 'most severe first'],
] as const;

export async function failuresPage(visit: Visit): Promise<Response> {
  const { c, viewer } = visit;
  const { status, tool, sort, cursor } = c.req.query();
  const filters = { status: status || undefined, tool: tool || undefined, sort: sort || undefined };
  const mayReadRecords = viewer.scopes.includes('records:read');
  const [list, stops] = await Promise.all([
    visit.read(consoleFailures, { ...filters, cursor }),
    mayReadRecords ? visit.read(recordsStops, {}) : undefined,
  ]);
  if (!list.ok) return notShown(visit, 'failures', list.error);
  const { scars, total, total_is_minimum: isMinimum, next_cursor: next } = list.value;
  const home = `${viewer.home}/failures`;
  const isFiltered = filters.status !== undefined || filters.tool !== undefined;
  return respondPage(c, {
    title: 'Failures',
    viewer,
    at: 'failures',
    body: (
      <>
        <h1>
          Failures{' '}
          <span class="soft">
            {count(total)}
            {isMinimum && ' or more'}
          </span>
        </h1>
        <p class="soft lead">
          What went wrong once, so that no agent repeats it: agents ask here before a risky action and after a
          failure, and report which fix worked.
        </p>
        {stops?.ok && stops.value.told > 0 && <Stops stops={stops.value} home={viewer.home} />}
        <Tabs
          label="State"
          tabs={STATES.map(([state, name]) => ({
            name,
            href: home + query({ ...filters, status: state }),
            isCurrent: filters.status === state,
          }))}
        />
        <form class="filters" method="get" action={home}>
          {filters.status !== undefined && <input type="hidden" name="status" value={filters.status} />}
          <Field label="Tool" name="tool" value={tool} />
          <label>
            Order
            <select name="sort">
              {SORTS.map(([value, name]) => (
                <option value={value} selected={value === (sort ?? '')}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <button type="submit">Filter</button>
        </form>
        {scars.length === 0 ? (
          <Empty title={isFiltered ? 'No failure is like this.' : 'No agent has recorded a failure.'}>
            <p>
              Agents record one with <code>scar_record</code> after something failed, and report with{' '}
              <code>scar_resolve</code> whether a fix worked.
            </p>
          </Empty>
        ) : (
          <ul class="cards">
            {scars.map((scar) => (
              <FailureCard scar={scar} />
            ))}
          </ul>
        )}
        <Older href={next && home + query({ ...filters, cursor: next })} text="More failures" />
      </>
    ),
  });
}

/** Whether agents that were told to stop did, as far as the records tell. */
function Stops({ stops: { told, failed_again: again, last }, home }: { stops: Told; home: string }) {
  const tiles = [
    { name: 'Told to stop', value: count(told), href: `${home}/calls?tool=scar_check&outcome=bad` },
    { name: 'Stopped', value: count(told - again), tone: 'ok' as const },
    {
      name: 'Went on and failed again',
      value: count(again),
      ...(last && { tone: 'bad' as const, href: `${home}/runs/${last.run}#call-${last.id}` }),
    },
  ];
  return (
    <>
      <Tiles tiles={tiles} />
      <p class="soft">
        Of the newest 25,000 records. Who was told to stop has gone on if it reports a failure of the same
        tool later in its run.
      </p>
    </>
  );
}

const TONES = { open: 'warn', regressed: 'bad', resolved: 'ok', muted: 'plain', archived: 'plain' } as const;
const NAMES = {
  open: 'open',
  regressed: 'came back',
  resolved: 'resolved',
  muted: 'muted',
  archived: 'archived',
};

function FailureCard({ scar }: { scar: Failure }) {
  const {
    tool,
    error_type: type,
    error_code: code,
    target,
    summary,
    cause,
    severity,
    state,
    tags = [],
  } = scar;
  const where = [tool, target].filter((name) => name !== undefined);
  return (
    <li id={scar.scar_id}>
      <p class="card-head">
        <strong>
          <bdi>{type}</bdi>
        </strong>
        {code !== undefined && <bdi>{code}</bdi>}
        {where.map((name) => (
          <bdi class="soft">{name}</bdi>
        ))}
        <span class={`status ${TONES[state]}`}>{NAMES[state]}</span>
        {severity !== undefined && <span class="tag">{severity}</span>}
        {tags.map((tag) => (
          <span class="tag">
            <bdi>{tag}</bdi>
          </span>
        ))}
      </p>
      <p>
        <bdi class="clip long">{summary}</bdi>
      </p>
      {cause !== undefined && (
        <p class="soft">
          Cause: <bdi>{cause}</bdi>
        </p>
      )}
      <p class="soft">
        {scar.occurrences === 1 ? 'Once' : `${count(scar.occurrences)} times`}, last {age(scar.age_s)} ·{' '}
        {scar.class !== undefined && `${scar.class} · `}
        <code>{scar.scar_id}</code>
      </p>
      {scar.known_fixes.length === 0 ? (
        <p class="soft">No fix is known.</p>
      ) : (
        <ul class="fixes">
          {scar.known_fixes.map((fix) => (
            <FixLine fix={fix} />
          ))}
        </ul>
      )}
    </li>
  );
}

const FixLine = ({ fix }: { fix: Fix }) => (
  <li>
    <Meter part={fix.worked} whole={fix.worked + fix.failed} />
    <span>
      <bdi>{fix.resolution}</bdi>{' '}
      <span class="soft">
        worked {count(fix.worked)}×, failed {count(fix.failed)}×{fix.verified && ', verified'}
      </span>
    </span>
  </li>
);
