import { recordsTokens } from '../../../tenant/records/reading/token-list.ts';
import { TOKENS_SCOPE } from '../../../tools/families.ts';
import type { Scope } from '../../../tools/tool.ts';
import { allowedBy } from '../../oauth/consent.ts';
import { isScope, wordsOf } from '../../oauth/scope-words.ts';
import { done, type FieldProblem, Problem, type Rejected, type SentForm } from '../forms.tsx';
import { respondPage } from '../layout.tsx';
import { notShown } from '../not-shown.tsx';
import { count, query, Time } from '../parts.tsx';
import { barrierOf, OnlyMembers } from '../person.tsx';
import { ScopeBoxes } from '../scope-boxes.tsx';
import { changeToken } from '../token-changes.ts';
import { isLive, type ListedToken, TokenState } from '../token-state.tsx';
import type { NotShown, Visit } from '../visit.ts';

/** One token or grant: what it may do and does, with forms to narrow and to revoke it. */

const idOf = ({ c }: Visit) => c.req.param('token') ?? '';
const nameOf = ({ label, token_id: id }: ListedToken) => (label === '' ? id.slice(0, 8) : label);

function noSuchToken({ c }: Visit): NotShown {
  const message = 'The tenant has no such token.';
  const { traceId } = c.var.arrival.trace;
  return { kind: 'error', error: { code: 'unknown_handle', message, retryable: false, trace_id: traceId } };
}

export const tokenPage = (visit: Visit): Promise<Response> => showToken(visit);

async function find(visit: Visit) {
  const read = await visit.read(recordsTokens, {});
  if (!read.ok) return { problem: read.error };
  const token = read.value.tokens.find(({ token_id }) => token_id === idOf(visit));
  return token === undefined ? { problem: noSuchToken(visit) } : { token };
}

async function showToken(visit: Visit, { form, problem }: Rejected = {}): Promise<Response> {
  const { c, viewer, now } = visit;
  const { token, problem: missing } = await find(visit);
  if (token === undefined) return notShown(visit, 'tokens', missing);
  const mayChange = barrierOf(viewer, TOKENS_SCOPE) === undefined && isLive(token, now);
  /** Whether what is wrong is said in the form itself: the token may have ended since the form was shown. */
  const hasForm = (action: string | undefined) =>
    mayChange && (action === 'revoke' || (action === 'narrow' && token.kind === 'token'));
  return respondPage(c, {
    title: nameOf(token),
    status: problem === undefined ? 200 : 400,
    viewer,
    at: 'tokens',
    body: (
      <>
        <p class="crumbs">
          <a href={`${viewer.home}/tokens`}>Tokens</a>
        </p>
        <h1>
          <bdi>{nameOf(token)}</bdi>
        </h1>
        {!hasForm(form?.action) && <Problem problem={problem} />}
        <Facts token={token} visit={visit} />
        {isLive(token, now) && (
          <OnlyMembers viewer={viewer} scope={TOKENS_SCOPE} what="narrow or revoke this" />
        )}
        {mayChange && token.kind === 'token' && (
          <NarrowForm token={token} visit={visit} form={form} problem={problem} />
        )}
        {mayChange && token.kind === 'grant' && (
          <p class="soft">
            A grant is not narrowed: revoke it, and choose less when the client connects again.
          </p>
        )}
        {mayChange && (
          <RevokeForm
            token={token}
            viewer={viewer}
            problem={form?.action === 'revoke' ? problem : undefined}
          />
        )}
      </>
    ),
  });
}

const KINDS = {
  token: 'issued',
  grant: 'granted to a client by a member',
  session: 'the session of a member in this console',
} as const;

function Facts({ token, visit: { viewer, now } }: { token: ListedToken; visit: Visit }) {
  const { token_id: id, kind, by, scopes, tools, last_used: used, week } = token;
  return (
    <dl class="facts">
      <dt>State</dt>
      <dd>
        <TokenState token={token} now={now} />
      </dd>
      <dt>Kind</dt>
      <dd>
        {KINDS[kind]}
        {by !== undefined && (
          <>
            , by <bdi>{by}</bdi>
          </>
        )}
      </dd>
      <dt>May do</dt>
      <dd>
        <ul class="plain">
          {scopes.map((scope) => (
            <li>
              {isScope(scope) ? wordsOf(scope) : scope} <code class="soft">{scope}</code>
            </li>
          ))}
        </ul>
      </dd>
      {tools !== undefined && (
        <>
          <dt>With these tools only</dt>
          <dd>{tools.join(', ')}</dd>
        </>
      )}
      <dt>Created, ends (UTC)</dt>
      <dd>
        <Time at={token.created_at} near={now} />, <Time at={token.expires_at} near={now} />
      </dd>
      <dt>Last used (UTC)</dt>
      <dd>
        {used === undefined ? (
          'not in 30 days'
        ) : (
          <>
            <Time at={used.at} near={now} />
            {used.client !== undefined && (
              <>
                {' '}
                by <bdi>{used.client}</bdi>
              </>
            )}
          </>
        )}
      </dd>
      <dt>In 7 days</dt>
      <dd>
        <a href={`${viewer.home}/calls${query({ token: id })}`}>{count(week.calls)} calls</a>,{' '}
        {count(week.refused)} refused
      </dd>
      <dt>Id</dt>
      <dd>
        <code>{id}</code>
      </dd>
    </dl>
  );
}

function NarrowForm({
  token,
  visit: { c, viewer },
  form,
  problem,
}: { token: ListedToken; visit: Visit } & Rejected) {
  const ofThis = form?.action === 'narrow' ? form : undefined;
  return (
    <details class="form" open={ofThis !== undefined}>
      <summary>Narrow</summary>
      <form method="post" action={`${viewer.home}/tokens/${token.token_id}`} class="stack">
        {ofThis && <Problem problem={problem} />}
        <input type="hidden" name="action" value="narrow" />
        <p class="soft">
          Tick off what it is not to do any more. It holds from its next call on; only the operator can give
          it back.
        </p>
        <ScopeBoxes
          scopes={token.scopes.filter(isScope)}
          published={c.var.isolate.tools}
          tools={token.tools}
          isTicked={() => true}
          form={ofThis}
          problem={ofThis && problem}
        />
        <button type="submit" class="first">
          Narrow
        </button>
      </form>
    </details>
  );
}

/** The button is behind a question, which works without scripts. */
const RevokeForm = ({
  token,
  viewer,
  problem,
}: {
  token: ListedToken;
  viewer: Visit['viewer'];
  problem: FieldProblem | undefined;
}) => (
  <details class="form" open={problem !== undefined}>
    <summary class="bad">Revoke</summary>
    <form method="post" action={`${viewer.home}/tokens/${token.token_id}`} class="stack">
      <Problem problem={problem} />
      <input type="hidden" name="action" value="revoke" />
      <p>
        Revoke <bdi>{nameOf(token)}</bdi>? Whoever has it is refused at once, what it has open ends, and it
        cannot be taken back.
        {token.token_id === viewer.session && ' It is the session that you are using: you are signed out.'}
      </p>
      <button type="submit" class="danger">
        Yes, revoke it
      </button>
    </form>
  </details>
);

/** `POST /tokens/:token`: narrows or revokes it. */
export async function tokenForm(visit: Visit, form: SentForm): Promise<Response> {
  const { token, problem } = await find(visit);
  if (token === undefined) return notShown(visit, 'tokens', problem);
  if (form.action === 'narrow') return narrow(visit, form, token);
  if (form.action === 'revoke') return revoke(visit, form, token);
  return showToken(visit, { form, problem: { field: undefined, message: 'The form is not complete.' } });
}

async function narrow(visit: Visit, form: SentForm, token: ListedToken): Promise<Response> {
  const { c, viewer } = visit;
  const held = token.scopes.filter(isScope);
  const kept = allowedBy(form.fields, held, c.var.isolate.tools);
  if (kept.scopes.length === 0) {
    const message = 'Leave at least one thing that the token may do, or revoke it.';
    return showToken(visit, { form, problem: { field: 'scope', message } });
  }
  const remove = held.filter((scope: Scope) => !kept.scopes.includes(scope));
  // The boxes of a token that is held to tools are those tools alone, so the rest counts as ticked off already.
  const tools = kept.tools?.length === token.tools?.length ? undefined : kept.tools;
  const changed = await changeToken(visit, { kind: 'narrow', token: token.token_id, remove, tools });
  if (changed.ok) return done(c, viewer.session, `“${nameOf(token)}” may do less from now on.`);
  return 'kind' in changed.error
    ? notShown(visit, 'tokens', changed.error)
    : showToken(visit, { form, problem: changed.error });
}

async function revoke(visit: Visit, form: SentForm, token: ListedToken): Promise<Response> {
  const { c, viewer } = visit;
  const revoked = await changeToken(visit, { kind: 'revoke', token: token.token_id });
  if (revoked.ok) return done(c, viewer.session, `“${nameOf(token)}” is revoked.`, `${viewer.home}/tokens`);
  return 'kind' in revoked.error
    ? notShown(visit, 'tokens', revoked.error)
    : showToken(visit, { form, problem: revoked.error });
}
