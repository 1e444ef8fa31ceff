import { fail, type Result } from '../../../result.ts';
import type {
  ApprovalList,
  HeldCallView,
  HeldState,
  StandingApproval,
} from '../../../tenant/contract/approval.ts';
import { APPROVALS_SCOPE } from '../../../tools/families.ts';
import { logUnreachable } from '../../http/attempt.ts';
import { respondPage, type Viewer } from '../layout.tsx';
import { notShown } from '../not-shown.tsx';
import { count, duration, Empty, Head, Tabs, Time, type Tone } from '../parts.tsx';
import type { NotShown, Visit } from '../visit.ts';

/** The calls that wait for a person's yes, those that were decided lately, and the approvals that stand. */

const TONES: Readonly<Record<HeldState, Tone>> = {
  pending: 'warn',
  approved: 'ok',
  running: 'plain',
  done: 'ok',
  refused: 'bad',
  expired: 'plain',
  unknown: 'bad',
};

export const State = ({ state }: { state: HeldState }) => (
  <span class={`status ${TONES[state]}`}>{state}</span>
);

/** Who called: the token, which nobody can forge, then what the client calls itself. */
export const Agent = ({ call }: { call: Pick<HeldCallView, 'tokenLabel' | 'tokenId' | 'client'> }) => (
  <>
    <bdi>{call.tokenLabel ?? call.tokenId.slice(0, 8)}</bdi>
    {call.client !== undefined && (
      <>
        <span class="soft"> · </span>
        <bdi class="soft">{call.client}</bdi>
      </>
    )}
  </>
);

/** Asks the tenant about held calls, for somebody who may see them. */
export async function asked<T>(
  { c, viewer: { scopes: held } }: Visit,
  ask: () => PromiseLike<Result<T, { readonly reason: string; readonly message: string }>>,
): Promise<Result<T, NotShown>> {
  const scope = APPROVALS_SCOPE;
  const refusal = {
    reason: 'insufficient_scope',
    scope,
    held,
    isGrant: false,
    justRefreshed: false,
  } as const;
  if (!held.includes(scope)) return fail({ kind: 'refused', refusal });
  const unavailable = { kind: 'refused', refusal: { reason: 'unavailable' } } as const;
  try {
    const operation = await ask();
    if (operation.ok) return operation;
    const { reason, message } = operation.error;
    if (reason === 'unavailable') return fail(unavailable);
    const code = reason === 'not_found' ? 'unknown_handle' : 'invalid_input';
    const error = { code, message, retryable: false, trace_id: c.var.arrival.trace.traceId } as const;
    return fail({ kind: 'error', error });
  } catch (cause) {
    logUnreachable(c, cause);
    return fail(unavailable);
  }
}

export async function approvalsPage(visit: Visit): Promise<Response> {
  const { c, viewer, now } = visit;
  const list = await asked<ApprovalList>(visit, () => c.env.TENANTS.getByName(viewer.tenant).approvals());
  if (!list.ok) return notShown(visit, 'approvals', list.error);
  const { calls, standing } = list.value;
  const waiting = calls.filter(({ state }) => state === 'pending');
  const showsAll = c.req.query('show') === 'all' || waiting.length === 0;
  const path = `${viewer.home}/approvals`;
  const shown = showsAll ? calls : waiting;
  return respondPage(c, {
    title: 'Approvals',
    viewer,
    at: 'approvals',
    body: (
      <>
        <h1>
          Approvals <span class="soft">{count(waiting.length)} waiting</span>
        </h1>
        <p class="soft lead">
          Calls that a person must approve before they run. Open one to read it in full and to decide. What
          was decided is shown for a day.
        </p>
        {waiting.length > 0 && (
          <Tabs
            label="Calls"
            tabs={[
              { name: 'Waiting', href: path, isCurrent: !showsAll },
              { name: 'All', href: `${path}?show=all`, isCurrent: showsAll },
            ]}
          />
        )}
        {shown.length === 0 ? <Teach viewer={viewer} /> : <CallTable calls={shown} path={path} now={now} />}
        {standing.length > 0 && <StandingTable standing={standing} path={path} now={now} />}
      </>
    ),
  });
}

const Teach = ({ viewer: { tenant } }: { viewer: Viewer }) => (
  <Empty title="No call waits for approval.">
    <p>The operator makes the calls of a tool wait with:</p>
    <pre tabindex={0}>
      <code>npm run -s tenant -- policy {tenant} --tool blackboard_delete --approval</code>
    </pre>
    <p>
      An agent that calls it is then told <code>pending_approval</code>, the call appears here, and it runs
      once when a person has approved it and the agent asks for it with <code>tenant_approval</code>.
    </p>
  </Empty>
);

const CallTable = ({ calls, path, now }: { calls: readonly HeldCallView[]; path: string; now: number }) => (
  <table class="rows held">
    <Head columns={['Tool', 'Agent', 'State', 'Held (UTC)', 'Left', 'Decided by']} />
    <tbody>
      {calls.map((call) => (
        <tr>
          <td class="y-tool">
            <a data-row href={`${path}/${call.id}`}>
              {call.tool}
            </a>
          </td>
          <td class="y-agent">
            <Agent call={call} />
          </td>
          <td class="y-state">
            <State state={call.state} />
          </td>
          <td class="y-held">
            <Time at={call.heldAt} near={now} />
          </td>
          <td class="y-left soft">{leftOf(call, now)}</td>
          <td class="y-by">
            <bdi>{call.decidedBy ?? ''}</bdi>
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

/** How long it can be decided, or redeemed. */
export function leftOf({ state, expiresAt }: HeldCallView, now: number): string {
  if (state === 'pending') return `${duration(expiresAt - now)} to decide`;
  return state === 'approved' ? `${duration(expiresAt - now)} to run` : '';
}

function StandingTable({
  standing,
  path,
  now,
}: {
  standing: readonly StandingApproval[];
  path: string;
  now: number;
}) {
  return (
    <>
      <h2>Standing</h2>
      <p class="soft">
        Each approves every call of one token to one tool in one run. Open it to take it back.
      </p>
      <table class="rows held">
        <Head columns={['Tool', 'Token', 'Left', 'Given (UTC)', 'Given by']} />
        <tbody>
          {standing.map((one) => (
            <tr>
              <td class="y-tool">
                <a data-row href={`${path}/${one.id}`}>
                  {one.tool}
                </a>
              </td>
              <td class="y-agent">
                <bdi>{one.tokenLabel ?? one.tokenId.slice(0, 8)}</bdi>
              </td>
              <td class="y-left soft">{duration(one.expiresAt - now)}</td>
              <td class="y-held">
                <Time at={one.givenAt} near={now} />
              </td>
              <td class="y-by">
                <bdi>{one.givenBy}</bdi>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
