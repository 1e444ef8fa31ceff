import type { Context } from 'hono';
import { isAdminKey } from '../../admin/guard.ts';
import { listAction } from '../../admin/operator-calls.ts';
import { readForm } from '../../http/body.ts';
import { clientAddress } from '../../http/client-address.ts';
import { FENCED } from '../../http/http-errors.ts';
import type { AppEnv } from '../../http/isolate.ts';
import { isOwnForm } from '../../http/origin.ts';
import { logRefusal, requestFields } from '../../http/refusal-log.ts';
import { OPERATOR_HOME, respondPage } from '../layout.tsx';
import { TENANTS_PATH } from './frame.tsx';
import {
  endOperatorSession,
  hasOperatorCookie,
  MAX_NAME_CHARS,
  operatorSessionOf,
  startOperatorSession,
} from './session.ts';

/** Signing in with the admin key, and out again. */

type Ctx = Context<AppEnv>;
type RefusedStatus = 401 | 403 | 408 | 413 | 415 | 429;

const MAX_FORM_BYTES = 8192;
const MAX_PATH_CHARS = 2048;

const WRONG = 'This is not the admin key of this server. It is the value of the secret ADMIN_KEY.';
const FOREIGN = 'This form was sent by a page of another site. Sign in here.';
const ENDED = 'You are signed out: an hour has passed, or the admin key was changed. Sign in again.';

interface SignInOptions {
  readonly problem?: string;
  readonly status?: 200 | RefusedStatus;
  /** Where the operator wanted to go. */
  readonly to?: string;
  readonly name?: string;
}

function signInPage(c: Ctx, { problem, status = 200, to = '', name = '' }: SignInOptions): Promise<Response> {
  return respondPage(c, {
    title: 'Sign in as operator',
    status,
    body: (
      <div class="narrow">
        <h1>Sign in as operator</h1>
        <p class="soft">See how all tenants do, look at their pages, and change their limits.</p>
        {problem !== undefined && (
          <p class="alert" role="alert">
            {problem}
          </p>
        )}
        <form method="post" action={OPERATOR_HOME} class="stack">
          <input type="hidden" name="to" value={to} />
          <label for="key">Admin key</label>
          <input
            id="key"
            name="key"
            type="password"
            autocomplete="current-password"
            aria-describedby="about-key"
            required
          />
          <p class="soft" id="about-key">
            The secret ADMIN_KEY of the server. You stay signed in for an hour.
          </p>
          <label for="name">Your name</label>
          <input
            id="name"
            name="name"
            value={name}
            maxlength={MAX_NAME_CHARS}
            autocomplete="username"
            aria-describedby="about-name"
          />
          <p class="soft" id="about-name">
            Optional. It is recorded with what you do, and nothing proves it: there is one admin key.
          </p>
          <button type="submit" class="first">
            Sign in
          </button>
        </form>
        <p class="soft">
          To see one tenant with a token of it, <a href="/console">sign in to the console</a>.
        </p>
      </div>
    ),
  });
}

/** `GET` of the operator's first page. */
export const operatorHome = async (c: Ctx): Promise<Response> =>
  (await operatorSessionOf(c)) === undefined ? signInPage(c, {}) : c.redirect(TENANTS_PATH, 303);

/** Asks to sign in, for a page that somebody wanted to see. */
export function askOperatorToSignIn(c: Ctx): Promise<Response> {
  const { pathname, search } = new URL(c.req.url);
  const hasEnded = hasOperatorCookie(c);
  if (hasEnded) endOperatorSession(c);
  // A form that was sent too late is not sent again.
  const to = c.req.method === 'GET' ? pathname + search : TENANTS_PATH;
  return signInPage(c, { status: 401, to, ...(hasEnded && { problem: ENDED }) });
}

export async function operatorSignIn(c: Ctx): Promise<Response> {
  if (!isOwnForm(c)) return refuse(c, { status: 403, code: 'foreign_form', problem: FOREIGN });
  const form = await readForm(c.req.raw, MAX_FORM_BYTES);
  if (!form.ok) {
    const { status, code, message } = form.error;
    return refuse(c, { status: status === 400 ? 403 : status, code, problem: message });
  }
  const to = form.value.get('to') ?? '';
  const name = (form.value.get('name') ?? '').trim().slice(0, MAX_NAME_CHARS).toWellFormed();
  if (!isAdminKey((form.value.get('key') ?? '').trim(), c.var.isolate.config.adminKey)) {
    // Only wrong keys are counted, and together with those that are sent to the API.
    const { success } = await c.env.ADMIN_FENCE.limit({ key: clientAddress(c) });
    return success
      ? refuse(c, { status: 401, code: 'unauthorized', problem: WRONG, to, name })
      : refuse(c, { status: 429, code: FENCED.code, problem: FENCED.message, to, name });
  }
  await startOperatorSession(c, name);
  const as = name === '' ? undefined : name;
  await listAction(c, { tenant: '', action: 'POST sign-in', as, code: undefined, changed: [] });
  c.var.isolate.log({ level: 'info', event: 'console.operator_signed_in', ...requestFields(c) });
  return c.redirect(ownPath(to), 303);
}

/** A page of the operator's: nobody is sent anywhere else. */
function ownPath(to: string): string {
  const isOwn =
    to.length <= MAX_PATH_CHARS && to.startsWith(`${OPERATOR_HOME}/`) && /^[\x21-\x7e]+$/.test(to);
  return isOwn ? to : TENANTS_PATH;
}

interface RefusedSignIn extends SignInOptions {
  readonly status: RefusedStatus;
  readonly code: string;
  readonly problem: string;
}

function refuse(c: Ctx, { code, ...page }: RefusedSignIn): Promise<Response> {
  logRefusal(c, { status: page.status, code });
  return signInPage(c, page);
}

export async function operatorSignOut(c: Ctx): Promise<Response> {
  if (!isOwnForm(c)) return refuse(c, { status: 403, code: 'foreign_form', problem: FOREIGN });
  endOperatorSession(c);
  if (!c.req.raw.bodyUsed) await c.req.raw.body?.cancel();
  return c.redirect(OPERATOR_HOME, 303);
}
