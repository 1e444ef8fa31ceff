import { type RunEntry, runsList } from '../../../tenant/records/reading/run-list.ts';
import { respondPage } from '../layout.tsx';
import { notShown } from '../not-shown.tsx';
import { count, duration, Empty, Field, Head, LiveMark, Older, query, Time, Title } from '../parts.tsx';
import type { Visit } from '../visit.ts';

/** What single agents did, newest first. */
export async function runsPage(visit: Visit): Promise<Response> {
  const { c, viewer, live } = visit;
  const { client, token, cursor } = c.req.query();
  const filters = Object.fromEntries(
    Object.entries({ client, token }).filter(([, value]) => value !== undefined && value !== ''),
  );
  const list = await visit.read(runsList, { ...filters, ...(cursor === undefined ? {} : { cursor }) });
  if (!list.ok) return notShown(visit, 'runs', list.error);
  const { next_cursor: next } = list.value;
  // What the operator does is on the page of calls.
  const runs = list.value.runs.filter(({ token_id }) => token_id !== 'operator');
  const home = `${viewer.home}/runs`;
  return respondPage(c, {
    title: 'Runs',
    viewer,
    at: 'runs',
    body: (
      <>
        <Title live={cursor === undefined && live && <LiveMark kind="page" after={live.newest.record} />}>
          Runs
        </Title>
        <p class="soft lead">
          What one agent did in one go: a trace if its client sends <code>traceparent</code>, else a session,
          else a token and client without ten idle minutes.
        </p>
        <form class="filters" method="get" action={home}>
          <Field label="Client" name="client" value={client} />
          <Field label="Token" name="token" value={token} />
          <button type="submit">Filter</button>
          {Object.keys(filters).length > 0 && (
            <a class="clear" href={home}>
              Clear
            </a>
          )}
        </form>
        {runs.length === 0 ? (
          <Empty
            title={
              Object.keys(filters).length > 0 ? 'No run matches these filters.' : 'No agent has called yet.'
            }
          >
            <p>
              Calls of one task make one run when the client sends the same trace id with each, as{' '}
              <code>traceparent: 00-TRACE_ID-SPAN_ID-01</code>.
            </p>
          </Empty>
        ) : (
          <RunTable runs={runs} home={home} now={visit.now} />
        )}
        <Older href={next && home + query({ ...filters, cursor: next })} />
      </>
    ),
  });
}

function RunTable({ runs, home, now }: { runs: readonly RunEntry[]; home: string; now: number }) {
  return (
    <table class="rows runs">
      <Head columns={['Run', 'Client', 'Began (UTC)', '#Lasted', '#Calls', '#Not ok', '#Changed', 'Token']} />
      <tbody>
        {runs.map((run) => (
          <tr data-key={run.run} data-flash={run.calls}>
            <td class="r-run">
              <a data-row href={`${home}/${run.run}`}>
                {run.run}
              </a>
            </td>
            <td class="r-client">
              <bdi class={run.client === undefined ? 'soft' : undefined}>{run.client ?? 'no name'}</bdi>
              {run.trace_id !== undefined && <span class="tag">trace</span>}
            </td>
            <td class="r-began">
              <Time at={run.first_at} near={now} />
            </td>
            <td class="r-lasted number">{duration(Date.parse(run.last_at) - Date.parse(run.first_at))}</td>
            <td class="r-calls number">
              {count(run.calls)}
              <span class="unit"> calls</span>
            </td>
            <td class={`r-bad number ${run.not_ok > 0 ? 'warn' : 'soft'}`}>
              {count(run.not_ok)}
              <span class="unit"> not ok</span>
            </td>
            <td class="r-changed number">
              {count(run.changed)}
              <span class="unit"> changed</span>
            </td>
            <td class="r-token">
              <code>{run.token_id.slice(0, 8)}</code>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
