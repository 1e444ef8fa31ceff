import type * as z from 'zod';
import { blackboardList } from '../../../tools/blackboard/list.ts';
import { ownOrigin } from '../../http/host.ts';
import { respondPage } from '../layout.tsx';
import { notShown } from '../not-shown.tsx';
import { age, count, duration, Empty, Field, Head, LiveMark, Older, query, Tabs, Title } from '../parts.tsx';
import type { Visit } from '../visit.ts';

/** The boards of the tenant, and the cells of one of them. */

type Listed = z.output<typeof blackboardList.output>;
type Board = NonNullable<Listed['boards']>[number];
type Cell = NonNullable<Listed['entries']>[number];

export async function boardsPage(visit: Visit): Promise<Response> {
  const { c, viewer, live } = visit;
  const { cursor } = c.req.query();
  const list = await visit.read(blackboardList, cursor === undefined ? {} : { cursor });
  if (!list.ok) return notShown(visit, 'boards', list.error);
  const { boards = [], next_cursor: next } = list.value;
  const { home } = viewer;
  return respondPage(c, {
    title: 'Boards',
    viewer,
    at: 'boards',
    body: (
      <>
        <Title live={live?.context && <LiveMark kind="page" after={live.newest.rev} />}>Boards</Title>
        {boards.length === 0 ? (
          <Empty title="No agent has written to a board yet.">
            <p>Write the first cell, with a token that may write to the blackboard, then reload:</p>
            <pre tabindex={0}>
              <code>{`curl ${ownOrigin(c)}/v1/tools/blackboard_write -H "Authorization: Bearer $TOKEN" \\
  -H "Content-Type: application/json" -d '{"run_id":"release","key":"plan","value":["notes","tag"]}'`}</code>
            </pre>
          </Empty>
        ) : (
          <BoardTable boards={boards} home={home} />
        )}
        <Older href={next && `${home}/boards${query({ cursor: next })}`} text="More boards" />
      </>
    ),
  });
}

const BoardTable = ({ boards, home }: { boards: readonly Board[]; home: string }) => (
  <table class="rows boards">
    <Head columns={['Board', '#Cells', '#Last write']} />
    <tbody>
      {boards.map(({ run_id: board, cells, age_s }) => (
        <tr data-key={board} data-flash={cells}>
          <td>
            <a data-row href={`${home}/board${query({ board })}`}>
              <bdi class="clip">{board}</bdi>
            </a>
          </td>
          <td class="number">
            {cells >= 1000 ? '1,000 or more' : count(cells)}
            <span class="unit"> cells</span>
          </td>
          <td class="number soft">{age(age_s)}</td>
        </tr>
      ))}
    </tbody>
  </table>
);

const STATES = [
  [undefined, 'All'],
  ['held', 'Held'],
  ['free', 'Free again'],
  ['delayed', 'Delayed'],
  ['done', 'Done'],
  ['dead', 'Dead'],
] as const;

export async function boardPage(visit: Visit): Promise<Response> {
  const { c, viewer, live } = visit;
  const { board = '', prefix, claimed, cursor } = c.req.query();
  const filters = { prefix: prefix || undefined, claimed: claimed || undefined };
  const list = await visit.read(blackboardList, { run_id: board, ...filters, cursor });
  if (!list.ok) return notShown(visit, 'boards', list.error);
  const { entries = [], total, total_is_minimum: isMinimum, next_cursor: next } = list.value;
  const { home } = viewer;
  const here = `${home}/board`;
  return respondPage(c, {
    title: `Board ${board}`,
    viewer,
    at: 'boards',
    body: (
      <>
        <p class="crumbs">
          <a href={`${home}/boards`}>Boards</a>
        </p>
        <Title live={live?.context && <LiveMark kind="page" after={live.newest.rev} />}>
          <bdi>{board}</bdi>{' '}
          <span class="soft">
            {count(total)}
            {isMinimum && ' or more'} {total === 1 ? 'cell' : 'cells'}
          </span>
        </Title>
        <Tabs
          label="Claims"
          tabs={STATES.map(([state, name]) => ({
            name,
            href: here + query({ board, prefix, claimed: state }),
            isCurrent: filters.claimed === state,
          }))}
        />
        <form class="filters" method="get" action={here}>
          <input type="hidden" name="board" value={board} />
          {filters.claimed !== undefined && <input type="hidden" name="claimed" value={filters.claimed} />}
          <Field label="Keys that begin with" name="prefix" value={prefix} />
          <button type="submit">Filter</button>
        </form>
        {entries.length === 0 ? (
          <Empty title="No cell is like this.">
            <p>
              <a href={here + query({ board })}>Show all cells of this board</a>
            </p>
          </Empty>
        ) : (
          <CellTable cells={entries} board={board} home={home} />
        )}
        <Older href={next && here + query({ board, ...filters, cursor: next })} text="More cells" />
      </>
    ),
  });
}

const CellTable = ({ cells, board, home }: { cells: readonly Cell[]; board: string; home: string }) => (
  <table class="rows cells">
    <Head columns={['Cell', 'Value', 'Claim', '#Revision', 'By', '#Written']} />
    <tbody>
      {cells.map((cell) => (
        <tr data-key={cell.key} data-flash={`${cell.rev} ${cell.claim?.state} ${cell.claimed_by}`}>
          <td class="b-key">
            <a data-row href={`${home}/cell${query({ board, key: cell.key })}`}>
              <bdi class="clip">{cell.key}</bdi>
            </a>
          </td>
          <td class="b-value c-args">
            <bdi class="clip">{cell.preview}</bdi>
          </td>
          <td class="b-claim">
            <Claim claim={cell.claim} by={cell.claimed_by} />
          </td>
          <td class="b-rev number">
            <span class="unit">rev </span>
            {cell.rev}
          </td>
          <td class="b-by">
            <bdi class="clip soft">{cell.by ?? ''}</bdi>
          </td>
          <td class="b-age number soft">{age(cell.age_s)}</td>
        </tr>
      ))}
    </tbody>
  </table>
);

const TONES = { free: 'warn', held: 'plain', delayed: 'plain', done: 'ok', dead: 'bad' } as const;

function Claim({ claim, by }: { claim: Cell['claim']; by: string | undefined }) {
  if (claim === undefined) return null;
  return (
    <>
      <span class={`status ${TONES[claim.state]}`}>{claim.state}</span>
      {claim.expires_in_s !== undefined && (
        <span class="soft" data-left={claim.expires_in_s}>
          {' '}
          {duration(claim.expires_in_s * 1000)}
        </span>
      )}
      {by !== undefined && <bdi class="clip soft">{by}</bdi>}
    </>
  );
}
