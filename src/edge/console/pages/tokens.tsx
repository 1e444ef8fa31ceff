import * as z from 'zod';
import { recordsTokens } from '../../../tenant/records/reading/token-list.ts';
import { SCOPES, TOKENS_SCOPE } from '../../../tools/families.ts';
import { allowedBy } from '../../oauth/consent.ts';
import { invalid, Problem, type Rejected, type SentForm } from '../forms.tsx';
import { respondPage } from '../layout.tsx';
import { notShown } from '../not-shown.tsx';
import { count, Empty, Head, query, Time } from '../parts.tsx';
import { barrierOf, OnlyMembers } from '../person.tsx';
import { ScopeBoxes } from '../scope-boxes.tsx';
import { changeToken } from '../token-changes.ts';
import { isLive, KIND_TAGS, TokenState } from '../token-state.tsx';
import type { Visit } from '../visit.ts';
import { tokenIssuedPage } from './token-issued.tsx';

/** The tokens of the tenant, and the clients that members have let in; a form to issue one. */

type Token = z.output<typeof recordsTokens.output>['tokens'][number];

const DAY_S = 86_400;
const LIVES = [
  ['1 hour', 3600],
  ['1 day', DAY_S],
  ['7 days', 7 * DAY_S],
  ['30 days', 30 * DAY_S],
  ['90 days', 90 * DAY_S],
  ['1 year', 365 * DAY_S],
] as const;
const DEFAULT_LIFE_S = 30 * DAY_S;
const MAX_LABEL_CHARS = 64;

export const tokensPage = (visit: Visit): Promise<Response> => showTokens(visit);

async function showTokens(visit: Visit, { form, problem }: Rejected = {}): Promise<Response> {
  const { c, viewer, now } = visit;
  const read = await visit.read(recordsTokens, {});
  if (!read.ok) return notShown(visit, 'tokens', read.error);
  const { tokens } = read.value;
  const live = tokens.filter((token) => isLive(token, now));
  const ended = tokens.filter((token) => !isLive(token, now));
  const mayIssue = barrierOf(viewer, TOKENS_SCOPE) === undefined;
  return respondPage(c, {
    title: 'Tokens',
    status: problem === undefined ? 200 : 400,
    viewer,
    at: 'tokens',
    body: (
      <>
        <h1>Tokens</h1>
        <p class="soft lead">
          What programs call with: tokens that were issued, and what members have granted to clients. Open one
          to see it whole, or to narrow or revoke it.
        </p>
        <OnlyMembers viewer={viewer} scope={TOKENS_SCOPE} what="issue, narrow or revoke tokens" />
        {mayIssue && <IssueForm visit={visit} form={form} problem={problem} />}
        {live.length === 0 ? (
          <Empty title="No token is in use.">
            {mayIssue ? (
              <p>Issue one above: give it a label that says who will have it, and tick only what it needs.</p>
            ) : (
              <p>
                The operator issues one with <code>npm run -s tenant -- token {viewer.tenant}</code>.
              </p>
            )}
          </Empty>
        ) : (
          <TokenTable tokens={live} now={now} home={viewer.home} />
        )}
        {ended.length > 0 && (
          <>
            <h2>Ended</h2>
            <TokenTable tokens={ended} now={now} home={viewer.home} />
          </>
        )}
      </>
    ),
  });
}

const TokenTable = ({ tokens, now, home }: { tokens: readonly Token[]; now: number; home: string }) => (
  <table class="rows tokens">
    <Head columns={['Label', 'State', 'Scopes', 'Last used (UTC)', '#Calls, 7 days', '#Refused']} />
    <tbody>
      {tokens.map((token) => (
        <TokenRow token={token} now={now} home={home} />
      ))}
    </tbody>
  </table>
);

function TokenRow({ token, now, home }: { token: Token; now: number; home: string }) {
  const { last_used: used, token_id: id, week, by } = token;
  return (
    <tr>
      <td class="t-label">
        <a data-row href={`${home}/tokens/${id}`}>
          <bdi class="clip">{token.label === '' ? `no label, ${id.slice(0, 8)}` : token.label}</bdi>
        </a>
        {KIND_TAGS[token.kind] !== undefined && <span class="tag">{KIND_TAGS[token.kind]}</span>}
        {by !== undefined && by !== token.label && <bdi class="soft by">by {by}</bdi>}
      </td>
      <td class="t-state">
        <TokenState token={token} now={now} />
      </td>
      <td class="t-scopes soft">
        {token.scopes.join(', ')}
        {token.tools !== undefined && ` (only ${token.tools.join(', ')})`}
      </td>
      <td class="t-used">
        {used === undefined ? (
          <span class="soft">not in 30 days</span>
        ) : (
          <>
            <Time at={used.at} near={now} />
            {used.client !== undefined && <bdi class="soft"> {used.client}</bdi>}
          </>
        )}
      </td>
      <td class="t-calls number">
        <a href={`${home}/calls${query({ token: id })}`}>{count(week.calls)}</a>
        <span class="unit"> calls in 7 days</span>
      </td>
      <td class="t-refused number">
        {count(week.refused)}
        <span class="unit"> refused</span>
      </td>
    </tr>
  );
}

function IssueForm({ visit: { c, viewer }, form, problem }: { visit: Visit } & Rejected) {
  const life = form?.typed('ttl') ?? String(DEFAULT_LIFE_S);
  return (
    <details class="form" open={problem !== undefined}>
      <summary>Issue a token</summary>
      <form method="post" action={`${viewer.home}/tokens`} class="stack">
        <Problem problem={problem} />
        <input type="hidden" name="action" value="issue" />
        <label for="label">Label</label>
        <input
          id="label"
          name="label"
          value={form?.typed('label') ?? ''}
          maxlength={MAX_LABEL_CHARS}
          placeholder="who has it, such as: nightly import"
          required
          {...invalid(problem, 'label')}
        />
        <label for="ttl">Ends after</label>
        <select id="ttl" name="ttl" {...invalid(problem, 'ttl')}>
          {LIVES.map(([words, seconds]) => (
            <option value={String(seconds)} selected={life === String(seconds)}>
              {words}
            </option>
          ))}
        </select>
        <ScopeBoxes
          scopes={viewer.scopes}
          published={c.var.isolate.tools}
          isTicked={(scope) => SCOPES.includes(scope)}
          form={form}
          problem={problem}
        />
        <p class="soft">
          You can give what you have yourself. What is ticked is what tokens have by default.
        </p>
        <button type="submit" class="first">
          Issue
        </button>
      </form>
    </details>
  );
}

const issueFields = z.object({
  label: z
    .string('Give the token a label that says who has it.')
    .trim()
    .regex(/[^\p{C}\p{Z}]/u, 'Give the token a label that says who has it.')
    .max(MAX_LABEL_CHARS, `The label has more than ${MAX_LABEL_CHARS} characters.`),
  ttl: z.enum(
    LIVES.map(([, seconds]) => String(seconds)),
    'Choose when the token ends.',
  ),
});

/** `POST /tokens`: issues a token, and shows it this once. */
export async function issueForm(visit: Visit, form: SentForm): Promise<Response> {
  const { c, viewer } = visit;
  const fields = form.read(issueFields);
  if (!fields.ok) return showTokens(visit, { form, problem: fields.error });
  const { label, ttl } = fields.value;
  const { scopes, tools } = allowedBy(form.fields, viewer.scopes, c.var.isolate.tools);
  if (scopes.length === 0) {
    const message = 'Tick at least one thing that the token may do.';
    return showTokens(visit, { form, problem: { field: 'scope', message } });
  }
  const change = { kind: 'issue', label, scopes, tools, ttlMs: Number(ttl) * 1000 } as const;
  const issued = await changeToken(visit, change);
  if (issued.ok) return tokenIssuedPage(visit, issued.value);
  return 'kind' in issued.error
    ? notShown(visit, 'tokens', issued.error)
    : showTokens(visit, { form, problem: issued.error });
}
