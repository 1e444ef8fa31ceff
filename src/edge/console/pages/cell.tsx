import type * as z from 'zod';
import { recordsList } from '../../../tenant/records/reading/calls.ts';
import { blackboardRead } from '../../../tools/blackboard/read.ts';
import { diffLines } from '../diff.ts';
import { respondPage } from '../layout.tsx';
import { notShown } from '../not-shown.tsx';
import { age, count, duration, Empty, Head, LiveMark, query, Time, Title } from '../parts.tsx';
import type { Visit } from '../visit.ts';

/** One cell: its value as text, who holds it, its history, and what changed between two revisions. */

type Entry = z.output<typeof blackboardRead.output>['entries'][number];
type Version = NonNullable<Entry['versions']>[number];

/** A value is cut where a page would become too long. */
const SHOWN_BYTES = 8192;
const COMPARED_BYTES = 32_768;

interface Place {
  readonly board: string;
  readonly key: string;
  readonly home: string;
}

export async function cellPage(visit: Visit): Promise<Response> {
  const { c, viewer, live } = visit;
  const { board = '', key = '', from, to } = c.req.query();
  const place = { board, key, home: viewer.home };
  const read = await visit.read(blackboardRead, {
    run_id: board,
    key,
    history: true,
    max_bytes: SHOWN_BYTES,
  });
  if (!read.ok) return notShown(visit, 'boards', read.error);
  const [entry] = read.value.entries;
  const versions = entry?.versions ?? [];
  const runs = await runsOf(visit, place);
  const compared = from === undefined || to === undefined ? undefined : await compare(visit, place, from, to);
  return respondPage(c, {
    title: `Cell ${key}`,
    viewer,
    at: 'boards',
    body: (
      <>
        <p class="crumbs">
          <a href={`${place.home}/boards`}>Boards</a> /{' '}
          <a href={`${place.home}/board${query({ board })}`}>
            <bdi>{board}</bdi>
          </a>
        </p>
        <Title live={live?.context && <LiveMark kind="page" after={live.newest.rev} />}>
          <bdi>{key}</bdi>
        </Title>
        {entry?.found === true ? <Current entry={entry} now={visit.now} /> : <Gone entry={entry} />}
        {compared}
        <h2>History</h2>
        {versions.length === 0 ? (
          <p class="soft">No version is kept.</p>
        ) : (
          <History versions={versions} place={place} runs={runs} />
        )}
        {viewer.scopes.includes('records:read') && (
          <p>
            <a href={`${place.home}/calls${query({ key })}`}>
              All calls about cells of this key, readers as well
            </a>
          </p>
        )}
      </>
    ),
  });
}

/** Which run has made which revision, if the token may see runs. */
async function runsOf(visit: Visit, { board, key }: Place): Promise<ReadonlyMap<number, number>> {
  if (!visit.viewer.scopes.includes('records:read')) return new Map();
  const list = await visit.read(recordsList, { key, outcome: 'ok', limit: 100 });
  const calls = list.ok ? list.value.calls : [];
  return new Map(
    calls.flatMap(({ run, changes = [] }) =>
      changes.flatMap(({ rev, run_id }) => (run_id === board && run > 0 ? [[rev, run] as const] : [])),
    ),
  );
}

function Current({ entry, now }: { entry: Entry; now: number }) {
  const { rev, by, age_s: ageS = 0, expires_in_s: expires, tags = [], truncated, bytes } = entry;
  return (
    <>
      <p class="soft lead">
        Revision {rev}
        {by !== undefined && (
          <>
            {' '}
            by <bdi>{by}</bdi>
          </>
        )}
        , written {age(ageS)}
        {expires !== undefined && `, expires in ${duration(expires * 1000)}`}
        {tags.map((tag) => (
          <span class="tag">
            <bdi>{tag}</bdi>
          </span>
        ))}
      </p>
      <ClaimOf claim={entry.claim} now={now} />
      <pre tabindex={0} class="value">
        {textOf(entry)}
      </pre>
      {truncated && (
        <p class="soft">
          The first {count(SHOWN_BYTES)} of {count(bytes ?? 0)} bytes.
        </p>
      )}
    </>
  );
}

/** Text as it is, anything else as JSON on several lines. A value that was cut is the beginning of its JSON. */
function textOf({ value }: Pick<Entry, 'value'>): string {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

const WORDS = {
  held: 'Held',
  free: 'Free again',
  delayed: 'Delayed until its next attempt',
  done: 'Done',
  dead: 'Dead: five attempts failed',
} as const;

function ClaimOf({ claim, now }: { claim: Entry['claim']; now: number }) {
  if (claim === undefined) return null;
  const { state, by, fence, expires_in_s: left, attempts, failed } = claim;
  return (
    <p class={`claim ${state}`}>
      <strong>{WORDS[state]}</strong>
      {by !== undefined && (
        <>
          {' '}
          by <bdi>{by}</bdi>
        </>
      )}
      {left !== undefined && (
        <>
          , until <Time at={now + left * 1000} near={now} /> (in{' '}
          <span data-left={left}>{duration(left * 1000)}</span>)
        </>
      )}
      {fence !== undefined && `, fence ${fence}`}
      {attempts !== undefined && `, attempt ${attempts} of 5`}
      {failed !== undefined && (
        <>
          . Last failure: <bdi>{failed}</bdi>
        </>
      )}
    </p>
  );
}

const REASONS = {
  absent: 'This cell was never written, or its last version is no longer kept.',
  deleted: 'This cell was deleted.',
  expired: 'This cell has expired.',
  path_not_found: 'This cell has no such part.',
  version_not_kept: 'This version is not kept.',
} as const;

const Gone = ({ entry }: { entry: Entry | undefined }) => (
  <Empty title={REASONS[entry?.reason ?? 'absent']} />
);

function History({
  versions,
  place,
  runs,
}: {
  versions: readonly Version[];
  place: Place;
  runs: ReadonlyMap<number, number>;
}) {
  const { board, key, home } = place;
  return (
    <table class="rows history">
      <Head columns={['Revision', 'What', 'By', '#Bytes', '#When', 'Run', 'Change']} />
      <tbody>
        {versions.map(({ rev, op, by, age_s, bytes }, index) => {
          const before = versions[index + 1]?.rev;
          const run = runs.get(rev);
          return (
            <tr>
              <td class="h-rev">rev {rev}</td>
              <td class="h-op">{op ?? ''}</td>
              <td class="h-by">
                <bdi class="clip">{by ?? ''}</bdi>
              </td>
              <td class="h-bytes number">
                {bytes === undefined ? '' : count(bytes)}
                <span class="unit"> bytes</span>
              </td>
              <td class="h-age number soft">{age(age_s)}</td>
              <td class="h-run">{run !== undefined && <a href={`${home}/runs/${run}`}>run {run}</a>}</td>
              <td class="h-diff">
                {before !== undefined && (
                  <a data-row href={`${home}/cell${query({ board, key, from: before, to: rev })}#diff`}>
                    compare with rev {before}
                  </a>
                )}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** What changed between two revisions. */
async function compare(visit: Visit, { board, key }: Place, from: string, to: string) {
  const at = (rev: string) =>
    visit.read(blackboardRead, { run_id: board, key, at_rev: rev, max_bytes: COMPARED_BYTES });
  const [before, after] = await Promise.all([at(from), at(to)]);
  const [old, young] = [
    before.ok ? before.value.entries[0] : undefined,
    after.ok ? after.value.entries[0] : undefined,
  ];
  return (
    <>
      <h2 id="diff">
        From revision {from} to {to}
      </h2>
      <Difference before={old} after={young} />
    </>
  );
}

function Difference({ before, after }: { before: Entry | undefined; after: Entry | undefined }) {
  if (before === undefined || after === undefined)
    return <p class="soft">These are not revisions of the cell.</p>;
  if (before.reason === 'version_not_kept' || after.reason === 'version_not_kept')
    return <p class="soft">One of the two versions is no longer kept.</p>;
  if (before.truncated || after.truncated)
    return <p class="soft">Values of more than {count(COMPARED_BYTES)} bytes are not compared.</p>;
  const lines = diffLines(before.found ? textOf(before) : '', after.found ? textOf(after) : '');
  if (lines === undefined) return <p class="soft">Values of more than 600 lines are not compared.</p>;
  return (
    <pre class="diff" tabindex={0}>
      {lines.map(({ kind, text }) =>
        kind === 'same' ? (
          <span>{`  ${text}\n`}</span>
        ) : kind === 'added' ? (
          <ins>{`+ ${text}\n`}</ins>
        ) : (
          <del>{`- ${text}\n`}</del>
        ),
      )}
    </pre>
  );
}
