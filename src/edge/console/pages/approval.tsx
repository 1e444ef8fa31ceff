import * as z from 'zod';
import { jsonText } from '../../../json/text.ts';
import {
  type Decider,
  type DryRun,
  type HeldCallDetail,
  type HeldResult,
  MAX_REASON_CHARS,
} from '../../../tenant/contract/approval.ts';
import { APPROVALS_SCOPE } from '../../../tools/families.ts';
import { done, type FieldProblem, invalid, optional, Problem, type SentForm } from '../forms.tsx';
import { respondPage } from '../layout.tsx';
import { notShown } from '../not-shown.tsx';
import { query, Time } from '../parts.tsx';
import { barrierOf, OnlyMembers } from '../person.tsx';
import type { Visit } from '../visit.ts';
import { Agent, asked, leftOf, State } from './approvals.tsx';

/** One call that needs approval: in full, what it would do, and the form by which a person decides it. */

interface Failed {
  readonly form: SentForm;
  readonly problem: FieldProblem;
}

const tenantOf = ({ c, viewer }: Visit) => c.env.TENANTS.getByName(viewer.tenant);
const idOf = ({ c }: Visit) => c.req.param('approval') ?? '';

export async function approvalPage(visit: Visit, failed?: Failed): Promise<Response> {
  const { c, viewer } = visit;
  const read = await asked<HeldCallDetail>(visit, () => tenantOf(visit).approval(idOf(visit)));
  if (!read.ok) return notShown(visit, 'approvals', read.error);
  const call = read.value;
  return respondPage(c, {
    title: `Approve ${call.tool}`,
    status: failed === undefined ? 200 : 400,
    viewer,
    at: 'approvals',
    body: (
      <>
        <p class="crumbs">
          <a href={`${viewer.home}/approvals`}>Approvals</a>
        </p>
        <h1>
          {call.tool} <State state={call.state} />
        </h1>
        <Problem problem={failed?.problem} />
        <Facts call={call} visit={visit} />
        <h2>Arguments</h2>
        <p class="soft">In full. Credentials are masked, and nothing else.</p>
        <Json value={call.args} />
        <Tried call={call} />
        {call.result !== undefined && (
          <>
            <h2>Its answer</h2>
            <Answer result={call.result} />
          </>
        )}
        <Decide call={call} visit={visit} failed={failed} />
      </>
    ),
  });
}

function Facts({ call, visit: { viewer, now } }: { call: HeldCallDetail; visit: Visit }) {
  const mayReadRecords = viewer.scopes.includes('records:read');
  const left = leftOf(call, now);
  return (
    <>
      {call.title !== undefined && (
        <p class="lead">
          <strong>{call.title}.</strong> <span class="soft">{call.description}</span>
        </p>
      )}
      <dl class="facts">
        <dt>Agent</dt>
        <dd>
          <Agent call={call} />
          {mayReadRecords && (
            <>
              {' '}
              <a href={`${viewer.home}/calls${query({ token: call.tokenId })}`}>its calls</a>
            </>
          )}
        </dd>
        {call.destructive === true && (
          <>
            <dt>Careful</dt>
            <dd class="bad">This tool may destroy something.</dd>
          </>
        )}
        <dt>Held</dt>
        <dd>
          <Time at={call.heldAt} near={now} /> UTC
        </dd>
        {left !== '' && (
          <>
            <dt>Left</dt>
            <dd>{left}</dd>
          </>
        )}
        {call.decidedBy !== undefined && (
          <>
            <dt>Decided</dt>
            <dd>
              <bdi>{call.decidedBy}</bdi>
              {call.decidedAt !== undefined && (
                <>
                  {' '}
                  <Time at={call.decidedAt} near={now} />
                </>
              )}
            </dd>
          </>
        )}
        {call.reason !== undefined && (
          <>
            <dt>Reason</dt>
            <dd>
              <bdi>{call.reason}</bdi>
            </dd>
          </>
        )}
        <dt>Id</dt>
        <dd>
          <code>{call.id}</code>
        </dd>
      </dl>
    </>
  );
}

const Json = ({ value }: { value: unknown }) => (
  <pre class="value" tabindex={0}>
    <code>{jsonText(value)}</code>
  </pre>
);

const Answer = ({ result }: { result: HeldResult }) =>
  'error' in result ? (
    <p class="alert">
      <strong>{result.error.code}</strong> <bdi>{result.error.message}</bdi>
    </p>
  ) : (
    <Json value={result.answer} />
  );

function Tried({ call: { dryRun, isRemote, state } }: { call: HeldCallDetail }) {
  if (dryRun !== undefined) return <WouldDo dryRun={dryRun} />;
  if (!isRemote || (state !== 'pending' && state !== 'approved')) return null;
  return (
    <>
      <h2>What it would do</h2>
      <p class="notice">It reaches other systems, so it cannot be tried. Judge it by its arguments.</p>
    </>
  );
}

const WouldDo = ({ dryRun: { changes, result } }: { dryRun: DryRun }) => (
  <>
    <h2>What it would do now</h2>
    <p class="soft">It was run, and everything that it did was undone.</p>
    {changes.length === 0 ? (
      <p>It changes nothing that has a revision.</p>
    ) : (
      <ul class="choices">
        {changes.map((line) => (
          <li class="effect">
            <bdi>{line}</bdi>
          </li>
        ))}
      </ul>
    )}
    <p>It answers:</p>
    <Answer result={result} />
  </>
);

function Decide({ call, visit, failed }: { call: HeldCallDetail; visit: Visit; failed: Failed | undefined }) {
  const { viewer } = visit;
  const isPending = call.state === 'pending';
  if (!isPending && call.state !== 'approved' && !call.stands) return null;
  if (!viewer.isOperator && barrierOf(viewer, APPROVALS_SCOPE) !== undefined)
    return <OnlyMembers viewer={viewer} scope={APPROVALS_SCOPE} what="decide this call" />;
  return (
    <form method="post" action={`${viewer.home}/approvals/${call.id}`} class="panel decide">
      <h2>{isPending ? 'Decide' : 'Take it back'}</h2>
      {isPending && (
        <p class="line">
          <button type="submit" class="first" name="action" value="approve">
            Approve once
          </button>
          <button type="submit" name="action" value="standing">
            Approve for this run
          </button>
          <span class="soft">
            For this run: later calls of this token to {call.tool} in the same run need no approval, for 8
            hours.
          </span>
        </p>
      )}
      <p class="line">
        <label class="wide">
          Reason, which the agent is told
          <input
            name="reason"
            maxlength={MAX_REASON_CHARS}
            value={failed?.form.typed('reason') ?? ''}
            {...invalid(failed?.problem, 'reason')}
          />
        </label>
        <button type="submit" class="danger" name="action" value="refuse">
          Refuse
        </button>
      </p>
    </form>
  );
}

const fields = z.object({
  reason: optional(
    z.string().trim().max(MAX_REASON_CHARS, `A reason has at most ${MAX_REASON_CHARS} characters.`),
  ),
});

const SAID = { approve: 'approved', standing: 'approved for its run', refuse: 'refused' } as const;
const isAction = (text: string): text is keyof typeof SAID => Object.hasOwn(SAID, text);

/** Decides in the name of a person: a member by their own session, or the operator. */
export async function decide(visit: Visit, form: SentForm, decider: Decider): Promise<Response> {
  const { c, viewer } = visit;
  const again = (message: string, field?: string) =>
    approvalPage(visit, { form, problem: { field, message } });
  const { action } = form;
  if (!isAction(action)) return again('This form has no such action. Reload the page.');
  const read = form.read(fields);
  if (!read.ok) return again(read.error.message, read.error.field);
  const { reason } = read.value;
  if (action === 'refuse' && reason === undefined)
    return again('Give a reason, so that the agent knows what to do instead.', 'reason');
  const { id, trace, receivedAt } = c.var.arrival;
  const decision = { approve: action !== 'refuse', standing: action === 'standing', reason };
  const decided = await asked<HeldCallDetail>(visit, () =>
    tenantOf(visit).decideApproval(decider, idOf(visit), decision, { requestId: id, trace, receivedAt }),
  );
  if (decided.ok) {
    const said = `The call of ${decided.value.tool} was ${SAID[action]}.`;
    return done(c, viewer.session, said, `${viewer.home}/approvals`);
  }
  return decided.error.kind === 'error' && decided.error.error.code === 'invalid_input'
    ? again(decided.error.error.message)
    : notShown(visit, 'approvals', decided.error);
}

/** The form of a member, who acts in person. */
export async function approvalForm(visit: Visit, form: SentForm): Promise<Response> {
  const { principal } = visit;
  if (principal === undefined) throw new Error('a form of a tenant has no session');
  return decide(visit, form, { kind: 'member', grant: principal.tokenId });
}
