import type { Context } from 'hono';
import * as z from 'zod';
import type { ActionChange, ListedAction } from '../../../../registry/action-rows.ts';
import { attempt } from '../../../http/attempt.ts';
import type { AppEnv } from '../../../http/isolate.ts';
import { OPERATOR_HOME } from '../../layout.tsx';
import { Empty, Head, Older, query, Time } from '../../parts.tsx';
import { respondOperatorPage, TENANTS_PATH } from '../frame.tsx';
import type { OperatorSession } from '../session.ts';

/** What the operator has done lately, to all tenants. */

const PAGE = 50;
const asked = z.object({ before: z.coerce.number().int().positive().optional().catch(undefined) });

export async function actionsPage(c: Context<AppEnv>, session: OperatorSession): Promise<Response> {
  const { before } = asked.parse(c.req.query());
  const now = c.var.arrival.receivedAt;
  const listed = async (): Promise<ListedAction[]> =>
    c.env.REGISTRY.getByName('registry').actions({ limit: PAGE + 1, before });
  const rows = await attempt(c, listed);
  const actions = rows?.slice(0, PAGE) ?? [];
  const last = rows !== undefined && rows.length > PAGE ? actions.at(-1) : undefined;
  return respondOperatorPage(c, session, {
    title: 'Actions',
    at: 'actions',
    status: rows === undefined ? 503 : 200,
    body: (
      <>
        <h1>Actions</h1>
        <p class="soft lead">
          What was done with the admin key, in the console, by the commands and over the API: the last 5,000.
          Each tenant’s own records have what was done to it, and what the operator has looked at.
        </p>
        {rows === undefined ? (
          <p class="alert">The list of actions cannot be read now. Reload in a minute.</p>
        ) : actions.length === 0 ? (
          <Empty title={before === undefined ? 'Nothing was done yet.' : 'There are no older actions.'} />
        ) : (
          <table class="rows actions">
            <Head columns={['Time (UTC)', 'Tenant', 'Action', 'Changed', 'By']} />
            <tbody>
              {actions.map((action) => (
                <ActionRow action={action} now={now} />
              ))}
            </tbody>
          </table>
        )}
        <Older href={last && `${OPERATOR_HOME}/actions${query({ before: last.id })}`} />
      </>
    ),
  });
}

const ActionRow = ({
  action: { at, tenant, action, as, code, changed },
  now,
}: {
  action: ListedAction;
  now: number;
}) => (
  <tr>
    <td class="a-time">
      <Time at={at} near={now} />
    </td>
    <td class="a-tenant">
      {tenant === '' ? (
        <span class="soft">the deployment</span>
      ) : (
        <a data-row href={`${TENANTS_PATH}/${tenant}/calls?tool=admin`}>
          {tenant}
        </a>
      )}
    </td>
    <td class="a-action">
      <code>{action}</code>
      {code !== undefined && <span class="status bad">{code}</span>}
    </td>
    <td class="a-changed">
      {changed.map((change) => (
        <span class="change">
          <Change change={change} />
        </span>
      ))}
    </td>
    <td class="a-by">{as === undefined ? <span class="soft">not said</span> : <bdi>{as}</bdi>}</td>
  </tr>
);

/** A moment is stored as milliseconds since the epoch. */
function shown(what: string, value: ActionChange['to']): string {
  if (value === '') return 'nothing';
  return what.endsWith('At') && typeof value === 'number'
    ? new Date(value).toISOString().slice(0, 16)
    : String(value);
}

/** The beginning of an id tells it from others. */
const named = (what: string) => what.replace(/\b([0-9a-f]{8})[0-9a-f]{16}\b/, '$1');

const Change = ({ change: { what, from, to } }: { change: ActionChange }) => (
  <>
    <bdi>{named(what)}</bdi>
    <span class="soft">
      {from !== undefined && (
        <>
          {' '}
          from <bdi>{shown(what, from)}</bdi>
        </>
      )}
      {to === undefined ? (
        ' removed'
      ) : (
        <>
          {' '}
          to <bdi>{shown(what, to)}</bdi>
        </>
      )}
    </span>
  </>
);
