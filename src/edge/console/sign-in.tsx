import type { Context } from 'hono';
import { parseTenantId, type Refusal, type TenantId } from '../../tenant/contract/call.ts';
import { RECORDS_SCOPE, SCOPES } from '../../tools/families.ts';
import { toHttpRefusal } from '../auth/refusals.ts';
import { type Principal, verifyToken } from '../auth/tokens.ts';
import { readForm } from '../http/body.ts';
import { clientAddress } from '../http/client-address.ts';
import { FENCED } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { isOwnForm } from '../http/origin.ts';
import { logRefusal, requestFields } from '../http/refusal-log.ts';
import { OPERATOR_HOME, respondPage } from './layout.tsx';
import { endSession, startSession, tenantsOf } from './session.ts';
import { startVisit } from './visit.ts';

/** Signing in to the console with a token of a tenant, and out again. */

type Ctx = Context<AppEnv>;

const MAX_FORM_BYTES = 8192;
const MAX_PATH_CHARS = 2048;

interface SignInOptions {
  readonly problem?: string;
  readonly status?: 401 | 403 | 408 | 413 | 415 | 429 | 503;
  /** Where the person wanted to go. */
  readonly to?: string;
}

export async function signInPage(
  c: Ctx,
  { problem, status = 401, to = '' }: SignInOptions = {},
): Promise<Response> {
  const tenants = await tenantsOf(c);
  return respondPage(c, {
    title: 'Sign in',
    status: problem === undefined && to === '' ? 200 : status,
    body: (
      <div class="narrow">
        <h1>Sign in to the console</h1>
        <p class="soft">See what agents do, what they know, and what they are refused.</p>
        {problem !== undefined && (
          <p class="alert" role="alert">
            {problem}
          </p>
        )}
        <form method="post" action="/console" class="stack">
          <input type="hidden" name="to" value={to} />
          <label for="token">Token</label>
          <input
            id="token"
            name="token"
            type="password"
            autocomplete="current-password"
            aria-describedby="about-token"
            required
          />
          <p class="soft" id="about-token">
            The token of a client, which begins with eyJ. The pages that you see are those that its scopes
            allow. You stay signed in for twelve hours, or until the token ends.
          </p>
          <button type="submit" class="first">
            Sign in
          </button>
        </form>
        <p class="soft">An operator makes a token that sees everything and changes nothing with:</p>
        <pre>
          <code>npm run -s tenant -- token ID --label console {READING_SCOPES}</code>
        </pre>
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

/** What the operator types: every scope that reads. */
const READING_SCOPES = [RECORDS_SCOPE, ...SCOPES.filter((scope) => scope.endsWith(':read'))]
  .map((scope) => `--scope ${scope}`)
  .join(' ');

const INVALID = 'This token is not valid here. Copy the whole of it, or ask the operator for a new one.';
const FOREIGN = 'This form was sent by a page of another site. Sign in here.';

/** Words for a person, who did not send a request of their own. */
function wordsOf(refusal: Refusal): string {
  switch (refusal.reason) {
    case 'suspended':
      return 'This tenant is suspended. Ask the operator.';
    case 'unavailable':
      return 'The tenant cannot be reached now. Try again shortly.';
    case 'too_many_requests':
      return `This token sends too many requests. Wait ${Math.ceil(refusal.retryAfterMs / 1000)} s, then sign in again.`;
    default:
      return INVALID;
  }
}

/** `POST /console` */
export async function signIn(c: Ctx): Promise<Response> {
  if (!isOwnForm(c)) return refuse(c, { status: 403, code: 'foreign_form', problem: FOREIGN });
  const form = await readForm(c.req.raw, MAX_FORM_BYTES);
  if (!form.ok) {
    const { status, code, message } = form.error;
    return refuse(c, { status: status === 400 ? 403 : status, code, problem: message });
  }
  const to = form.value.get('to') ?? '';
  const { config } = c.var.isolate;
  const token = (form.value.get('token') ?? '').trim();
  const principal = await verifyToken(config.tokenKeys, config.audiences, token, c.var.arrival.receivedAt);
  if (principal === undefined) {
    const { success } = await c.env.ANONYMOUS_FENCE.limit({ key: `console ${clientAddress(c)}` });
    if (!success) return refuse(c, { status: 429, code: FENCED.code, problem: FENCED.message, to });
    return refuse(c, { status: 401, code: 'invalid_token', problem: INVALID, to });
  }
  const visit = await startVisit(c, principal);
  if (!visit.ok) {
    if (visit.error.kind !== 'refused') throw new Error('an admission was not answered');
    const { refusal } = visit.error;
    const { code } = toHttpRefusal(c, refusal);
    return refuse(c, { status: statusOf(refusal), code, problem: wordsOf(refusal), to, principal });
  }
  await startSession(c, principal);
  c.var.isolate.log({
    level: 'info',
    event: 'console.signed_in',
    tenant: principal.tenant,
    ...requestFields(c),
    token_id: principal.tokenId,
  });
  return c.redirect(ownPath(to, principal.tenant), 303);
}

function statusOf({ reason }: Refusal): 401 | 403 | 429 | 503 {
  if (reason === 'suspended') return 403;
  if (reason === 'too_many_requests') return 429;
  return reason === 'unavailable' ? 503 : 401;
}

/** A page of the tenant that was signed in to: nobody is sent anywhere else. */
function ownPath(to: string, tenant: TenantId): string {
  const home = `/console/${tenant}`;
  const isOwn = to.length <= MAX_PATH_CHARS && to.startsWith(`${home}/`) && /^[\x21-\x7e]+$/.test(to);
  return isOwn ? to : home;
}

interface RefusedSignIn {
  readonly status: 401 | 403 | 408 | 413 | 415 | 429 | 503;
  readonly code: string;
  readonly problem: string;
  readonly to?: string;
  readonly principal?: Principal;
}

function refuse(c: Ctx, { status, code, problem, to = '', principal }: RefusedSignIn): Promise<Response> {
  logRefusal(c, { status, code }, { caller: principal });
  return signInPage(c, { status, problem, to });
}

/** `POST /console/:tenant/sign-out` */
export async function signOut(c: Ctx): Promise<Response> {
  if (!isOwnForm(c)) return refuse(c, { status: 403, code: 'foreign_form', problem: FOREIGN });
  const tenant = parseTenantId(c.req.param('tenant') ?? '');
  if (tenant !== undefined) endSession(c, tenant);
  if (!c.req.raw.bodyUsed) await c.req.raw.body?.cancel();
  return c.redirect('/console', 303);
}

/** Asks to sign in, for a page that somebody wanted to see. */
export function askToSignIn(c: Ctx, problem?: string): Promise<Response> {
  const { pathname, search } = new URL(c.req.url);
  return signInPage(c, { to: pathname + search, ...(problem === undefined ? {} : { problem }) });
}

/** The session has ended with its token. */
export function askAnew(c: Ctx, tenant: TenantId): Promise<Response> {
  endSession(c, tenant);
  return askToSignIn(
    c,
    `You are signed out of ${tenant}: the token has ended, or was revoked. Sign in with another one.`,
  );
}
