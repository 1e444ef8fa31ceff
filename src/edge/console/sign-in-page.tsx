import type { Context } from 'hono';
import { RECORDS_SCOPE, SCOPES } from '../../tools/families.ts';
import { ownOrigin } from '../http/host.ts';
import type { AppEnv } from '../http/isolate.ts';
import { type Present, sessionOf as signedInSession } from '../oauth/browser.ts';
import { presentMembers } from '../oauth/present-members.ts';
import { OPERATOR_HOME, respondPage } from './layout.tsx';
import { tenantsOf } from './session.ts';

/** The page on which a person signs in to the console: as a member of a tenant, or with a token, to look only. */

type Ctx = Context<AppEnv>;

export interface SignInOptions {
  readonly problem?: string;
  readonly status?: 200 | 401 | 403 | 408 | 413 | 415 | 429 | 503;
  /** Where the person wanted to go. */
  readonly to?: string;
}

export async function signInPage(
  c: Ctx,
  { problem, to = '', status = problem === undefined && to === '' ? 200 : 401 }: SignInOptions = {},
): Promise<Response> {
  const { oauth } = c.var.isolate.config;
  const tenants = await tenantsOf(c);
  const members = oauth === undefined ? [] : await presentMembers(c, signedInSession(c));
  return respondPage(c, {
    title: 'Sign in',
    status,
    body: (
      <div class="narrow">
        <h1>Sign in to the console</h1>
        <p class="soft">See what agents do, what they know, and what they are refused.</p>
        {problem !== undefined && (
          <p class="alert" role="alert">
            {problem}
          </p>
        )}
        {members.length > 0 && <Members members={members} to={to} />}
        {oauth?.provider !== undefined && (
          <ProviderLink name={oauth.provider.name} to={to} isAnew={members.length > 0} />
        )}
        <KeyForm to={to} host={new URL(ownOrigin(c)).host} hasMembers={oauth !== undefined} />
        <details class="other">
          <summary>Only look, with a token</summary>
          <p>
            A token that sees everything is made by the operator, with the command below. A token may be an
            agent's, so nothing can be changed with one.
          </p>
          <pre tabindex={0}>
            <code>npm run -s tenant -- token ID --label console {READING_SCOPES}</code>
          </pre>
        </details>
        <p class="soft">
          With the admin key, <a href={OPERATOR_HOME}>sign in as operator</a>.
        </p>
        {tenants.length > 0 && (
          <>
            <h2>You are signed in</h2>
            <ul>
              {tenants.map((tenant) => (
                <li>
                  <a href={`/console/${tenant}`}>{tenant}</a>
                </li>
              ))}
            </ul>
          </>
        )}
      </div>
    ),
  });
}

/** A form of the page: what it does, and where its person wanted to go. */
const Hidden = ({ action, to }: { action: string; to: string }) => (
  <>
    <input type="hidden" name="action" value={action} />
    <input type="hidden" name="to" value={to} />
  </>
);

/** Those who have just come back from the provider, or have let a client in with this browser. */
const Members = ({ members, to }: { members: readonly Present[]; to: string }) => (
  <ul class="choices">
    {members.map(({ tenant, proof, name }) => (
      <li>
        <form method="post" action="/console">
          <Hidden action="enter" to={to} />
          <input type="hidden" name="as" value={`${tenant}/${proof.member}`} />
          <button type="submit" class="first">
            Open {tenant} as <bdi>{name}</bdi>
          </button>
        </form>
      </li>
    ))}
  </ul>
);

/** A link and no form: a provider may send the browser on to others, which the policy `form-action` would block. */
function ProviderLink({ name, to, isAnew }: { name: string; to: string; isAnew: boolean }) {
  const query = new URLSearchParams({ console: to, ...(isAnew ? { anew: '' } : {}) });
  return (
    <p>
      <a class={isAnew ? 'button' : 'button first'} href={`/oauth/sign-in?${query}`}>
        Sign in with <bdi>{name}</bdi>
      </a>
    </p>
  );
}

const KeyForm = ({ to, host, hasMembers }: { to: string; host: string; hasMembers: boolean }) => (
  <form method="post" action="/console" class="stack">
    <Hidden action="sign_in" to={to} />
    <input type="text" name="username" autocomplete="username" value={host} readonly hidden />
    <label for="token">{hasMembers ? 'Sign-in key, or a token' : 'Token'}</label>
    <input
      id="token"
      name="token"
      type="password"
      autocomplete="current-password"
      aria-describedby="about-token"
      required
    />
    <p class="soft" id="about-token">
      {hasMembers
        ? 'Your key begins with bhk_; you see and change what your scopes allow. A token begins with eyJ, and only looks.'
        : 'The token of a client, which begins with eyJ. The pages only read. Members sign in here, and can change things, once the operator turns on OAUTH.'}{' '}
      You stay signed in for twelve hours at most.
    </p>
    <button type="submit" class="first">
      Sign in
    </button>
  </form>
);

/** What the operator types: every scope that reads. */
const READING_SCOPES = [RECORDS_SCOPE, ...SCOPES.filter((scope) => scope.endsWith(':read'))]
  .map((scope) => `--scope ${scope}`)
  .join(' ');
