import type * as z from 'zod';
import { recordsTokens } from '../../../tenant/records/reading/token-list.ts';
import { respondPage } from '../layout.tsx';
import { notShown } from '../not-shown.tsx';
import { count, duration, Empty, Head, query, Time } from '../parts.tsx';
import type { Visit } from '../visit.ts';

/** The tokens of the tenant, and the clients that members have let in. */

type Token = z.output<typeof recordsTokens.output>['tokens'][number];

export async function tokensPage(visit: Visit): Promise<Response> {
  const { c, viewer, now } = visit;
  const read = await visit.read(recordsTokens, {});
  if (!read.ok) return notShown(visit, 'tokens', read.error);
  const { tokens } = read.value;
  const { home } = viewer;
  return respondPage(c, {
    title: 'Tokens',
    viewer,
    at: 'tokens',
    body: (
      <>
        <h1>Tokens</h1>
        <p class="soft lead">
          What the operator has issued, and what members have granted to clients. The last use comes from the
          records, which are kept for 30 days.
        </p>
        {tokens.length === 0 ? (
          <Empty title="There are no tokens." />
        ) : (
          <table class="rows tokens">
            <Head columns={['Label', 'State', 'Scopes', 'Last used (UTC)', '#Calls', '#Refused', 'Token']} />
            <tbody>
              {tokens.map((token) => (
                <TokenRow token={token} now={now} home={home} />
              ))}
            </tbody>
          </table>
        )}
        <p class="soft">
          The operator revokes one with <code>npm run -s tenant -- revoke {viewer.tenant} TOKEN_ID</code>.
        </p>
      </>
    ),
  });
}

function TokenRow({ token, now, home }: { token: Token; now: number; home: string }) {
  const { last_used: used, token_id: id } = token;
  return (
    <tr>
      <td class="t-label">
        <bdi class="clip">{token.label === '' ? 'no label' : token.label}</bdi>
        {token.kind === 'grant' && <span class="tag">by a member</span>}
      </td>
      <td class="t-state">
        <State token={token} now={now} />
      </td>
      <td class="t-scopes soft">{token.scopes.join(', ')}</td>
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
        {count(used?.calls ?? 0)}
        <span class="unit"> calls</span>
      </td>
      <td class="t-refused number">
        {count(used?.refused ?? 0)}
        <span class="unit"> refused</span>
      </td>
      <td class="t-id">
        <a data-row href={`${home}/calls${query({ token: id })}`} aria-label={`Calls of ${id.slice(0, 8)}`}>
          <code>{id.slice(0, 8)}</code>
        </a>
      </td>
    </tr>
  );
}

function State({ token: { ended_at: ended, expires_at: expires }, now }: { token: Token; now: number }) {
  if (ended !== undefined) return <span class="status bad">revoked</span>;
  const left = Date.parse(expires) - now;
  if (left <= 0) return <span class="status plain">expired</span>;
  return <span class={`status ${left < 86_400_000 ? 'warn' : 'ok'}`}>{duration(left)} left</span>;
}
