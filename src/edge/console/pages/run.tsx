import { changeText } from '../../../tenant/records/reading/changes.ts';
import type { Entry } from '../../../tenant/records/reading/entry.ts';
import { runsShow } from '../../../tenant/records/reading/run-list.ts';
import { isSameAction, scarCallOf } from '../../../tenant/records/reading/stops.ts';
import { respondPage } from '../layout.tsx';
import { notShown } from '../not-shown.tsx';
import {
  argumentsText,
  Caller,
  count,
  duration,
  endOf,
  LiveMark,
  Older,
  query,
  Status,
  Tiles,
  Time,
  Title,
  toneOf,
} from '../parts.tsx';
import type { Visit } from '../visit.ts';
import { type Bar, type Waterfall, waterfallOf } from '../waterfall.ts';

/** For so long a run may go on. */
const OPEN_MS = 600_000;

/** The shortest name of who called. */
const callerName = ({ by, client, token_label: label, token_id: token }: Entry) =>
  by ?? client ?? label ?? token.slice(0, 8);

/** What one agent did, as a line of time and step by step. */
export async function runPage(visit: Visit): Promise<Response> {
  const { c, viewer, now, live } = visit;
  const { cursor } = c.req.query();
  const id = c.req.param('run') ?? '';
  const shown = await visit.read(runsShow, { run: id, ...(cursor === undefined ? {} : { cursor }) });
  if (!shown.ok) return notShown(visit, 'runs', shown.error);
  const { run, calls, next_cursor: next } = shown.value;
  const { home } = viewer;
  const isOpen = live !== undefined && next === undefined && now - Date.parse(run.last_at) < OPEN_MS;
  const bad = run.not_ok > 0;
  const tiles = [
    { name: 'Calls', value: count(run.calls), href: `${home}/calls?run=${run.run}` },
    {
      name: 'Not ok',
      value: count(run.not_ok),
      tone: bad ? ('warn' as const) : ('plain' as const),
      ...(bad ? { href: `${home}/calls?run=${run.run}&outcome=bad` } : {}),
    },
    { name: 'Revisions made', value: count(run.changed) },
    { name: 'From first to last', value: duration(Date.parse(run.last_at) - Date.parse(run.first_at)) },
    { name: 'Callers', value: count(new Set(calls.map(callerName)).size) },
  ];
  const waterfall = waterfallOf(calls);
  return respondPage(c, {
    title: `Run ${run.run}`,
    viewer,
    at: 'runs',
    body: (
      <>
        <Title live={isOpen && <LiveMark kind="page" after={live?.newest.record} />}>
          Run {run.run} <bdi class="soft">{run.client ?? ''}</bdi>
        </Title>
        <p class="soft lead">
          <Time at={run.first_at} near={now} /> to <Time at={run.last_at} near={now} /> UTC · token{' '}
          <code>{run.token_id}</code>
          {run.trace_id !== undefined && (
            <>
              {' '}
              · trace <code>{run.trace_id}</code>
            </>
          )}
        </p>
        <Tiles tiles={tiles} />
        <h2>Timeline</h2>
        {waterfall.foldedMs > 0 && (
          <p class="soft">The grey parts are {duration(waterfall.foldedMs)} in all without a call.</p>
        )}
        <Timeline waterfall={waterfall} />
        <h2>Step by step</h2>
        <ol class="steps">
          {waterfall.bars.map((bar) =>
            bar.calls.length > 1 ? (
              <FoldedSteps bar={bar} begin={waterfall.begin} />
            ) : (
              bar.calls.map((call) => <Step call={call} begin={waterfall.begin} later={calls} />)
            ),
          )}
        </ol>
        <Older href={next && `${home}/runs/${run.run}${query({ cursor: next })}`} />
      </>
    ),
  });
}

const offset = (ms: number) => `+${(ms / 1000).toFixed(3)} s`;

function Timeline({ waterfall: { bars, begin, gaps } }: { waterfall: Waterfall }) {
  return (
    <ol class="waterfall">
      {bars.map((bar) => {
        const [first] = bar.calls;
        if (first === undefined) return null;
        const calls = bar.calls.reduce((sum, { times }) => sum + times, 0);
        return (
          <li data-key={first.id}>
            <a data-row href={`#call-${first.id}`}>
              {first.tool}
              {calls > 1 && ` ×${count(calls)}`}
            </a>
            <span class="who">
              <bdi>{callerName(first)}</bdi>
            </span>
            <svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">
              {gaps.map(({ x, width }) => (
                <rect class="gap" x={x} y="0" width={width} height="10" />
              ))}
              <rect class={toneOf(first)} x={bar.bar.x} y="1" width={bar.bar.width} height="8" />
              {bar.waited && (
                <rect class="waited" x={bar.waited.x} y="1" width={bar.waited.width} height="8" />
              )}
            </svg>
            <span class="note">
              <span class="hidden">at {offset(bar.begin - begin)}, </span>
              {duration(bar.end - bar.begin)}
              <Note call={first} isFolded={bar.calls.length > 1} />
            </span>
          </li>
        );
      })}
    </ol>
  );
}

function Note({ call, isFolded }: { call: Entry; isFolded: boolean }) {
  const tone = toneOf(call);
  const { rev_from: from, rev_to: to } = call;
  if (tone === 'bad' || tone === 'warn') return <span class={tone}> · {endOf(call)}</span>;
  if (isFolded || to === from) return null;
  return to - from === 1 ? (
    <> · rev {to}</>
  ) : (
    <>
      {' '}
      · rev {from + 1}–{to}
    </>
  );
}

function FoldedSteps({ bar, begin }: { bar: Bar; begin: number }) {
  const [first] = bar.calls;
  if (first === undefined) return null;
  const times = bar.calls.reduce((sum, call) => sum + call.times, 0);
  return (
    <li id={`call-${first.id}`} data-flash={bar.calls.length}>
      <details>
        <summary>
          <span class="at">{offset(bar.begin - begin)}</span>
          <strong>
            {first.tool} ×{count(times)}
          </strong>{' '}
          <span class={`status ${toneOf(first)}`}>{endOf(first)}</span>
          <span class="soft"> in {duration(bar.end - bar.begin)}</span>
        </summary>
        <ul>
          {bar.calls.map((call) => (
            <li id={call.id === first.id ? undefined : `call-${call.id}`}>
              <span class="at">{offset(Date.parse(call.at) - call.took_ms - begin)}</span>
              <bdi class="args">{argumentsText(call.args)}</bdi>
            </li>
          ))}
        </ul>
      </details>
    </li>
  );
}

function Step({ call, begin, later }: { call: Entry; begin: number; later: readonly Entry[] }) {
  const start = Date.parse(call.at) - call.took_ms;
  const args = argumentsText(call.args);
  return (
    <li id={`call-${call.id}`} data-flash>
      <p>
        <span class="at">{offset(start - begin)}</span>
        <strong>{call.tool}</strong> <Status call={call} />{' '}
        <span class="soft">{duration(call.took_ms)} · </span>
        <Caller call={call} />
      </p>
      {args !== '' && (
        <p>
          <bdi class="args">{args}</bdi>
        </p>
      )}
      {(call.changes ?? []).map((change) => (
        <p class="effect">
          <bdi>{changeText(change)}</bdi>
        </p>
      ))}
      <Told call={call} later={later} />
      <Stopped call={call} later={later} />
      {call.wait_ms !== undefined && <p class="soft">Waited {duration(call.wait_ms)} for another call.</p>}
      {call.error_id !== undefined && (
        <p class="soft">
          Error id <code>{call.error_id}</code>, under which the operator finds the cause.
        </p>
      )}
    </li>
  );
}

/** Whether a caller that was told to wait has waited. */
function Told({ call, later }: { call: Entry; later: readonly Entry[] }) {
  if (call.retry_after_ms === undefined) return null;
  const ended = Date.parse(call.at);
  const starts = later
    .filter(({ id, token_id, tool }) => id > call.id && token_id === call.token_id && tool === call.tool)
    .map(({ at, took_ms }) => Date.parse(at) - took_ms);
  const told = `Told to wait ${duration(call.retry_after_ms)}`;
  if (starts.length === 0) return <p class="soft">{told}; it did not come back.</p>;
  const waited = Math.max(0, Math.min(...starts) - ended);
  const hasObeyed = waited >= call.retry_after_ms;
  return (
    <p class={hasObeyed ? 'soft' : 'warn'}>
      {told}, came back after {duration(waited)}
      {hasObeyed ? '.' : ': too early.'}
    </p>
  );
}

/** Whether an agent that was told to stop did. */
function Stopped({ call, later }: { call: Entry; later: readonly Entry[] }) {
  const stop = scarCallOf(call);
  if (stop?.isStop !== true) return null;
  const report = later
    .flatMap((other) => scarCallOf(other) ?? [])
    .find((other) => !other.isStop && isSameAction(stop, other));
  if (report === undefined)
    return <p class="soft">Told to stop; no failure of the same tool was reported after that.</p>;
  return (
    <p class="warn">
      Told to stop, and went on: <a href={`#call-${report.id}`}>it failed again</a>.
    </p>
  );
}
