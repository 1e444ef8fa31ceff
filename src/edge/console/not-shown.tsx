import type { Context } from 'hono';
import { refusalMessage } from '../../tenant/contract/refusal-message.ts';
import type { Principal } from '../auth/tokens.ts';
import { STATUS_OF_CODE } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { logRefusal } from '../http/refusal-log.ts';
import type { FormRefusal } from './forms.tsx';
import { type PagePath, respondPage, type Viewer } from './layout.tsx';
import type { NotShown, Visit } from './visit.ts';

/** Why a page shows nothing, in words, with what to do about it. */

interface Where {
  readonly viewer?: Viewer;
  readonly at?: PagePath | undefined;
}

type Status = 400 | 401 | 403 | 404 | 429 | 503;

interface Said {
  readonly status: Status;
  readonly title: string;
  readonly text: string;
}

function sayingOf(why: NotShown): Said {
  if (why.kind === 'unknown_tool')
    return {
      status: 503,
      title: 'This page is not there yet',
      text: 'The tenant runs an older release. Reload in a minute.',
    };
  if (why.kind === 'refused') {
    const text = refusalMessage(why.refusal);
    switch (why.refusal.reason) {
      case 'too_many_requests':
        return { status: 429, title: 'Too many requests', text };
      case 'too_many_streams':
        return { status: 429, title: 'Too many open pages', text };
      case 'unavailable':
        return { status: 503, title: 'The tenant cannot be reached', text };
      default:
        return { status: 403, title: 'You may not see this', text };
    }
  }
  const { code, message } = why.error;
  const status = STATUS_OF_CODE[code];
  if (status === 404) return { status, title: 'Not found', text: message };
  if (code === 'rate_limited') return { status: 429, title: 'Too many requests', text: message };
  if (status === 400 || status === 403) return { status, title: 'This cannot be shown', text: message };
  return { status: 503, title: 'This cannot be shown now', text: message };
}

export function notShownPage(
  c: Context<AppEnv>,
  why: NotShown,
  { viewer, at }: Where = {},
): Promise<Response> {
  const { status, title, text } = sayingOf(why);
  return respondPage(c, {
    title,
    status,
    viewer,
    at,
    body: (
      <div class="narrow">
        <h1>{title}</h1>
        <p class="alert">{text}</p>
        <p class="soft">
          Trace id <code>{c.var.arrival.trace.traceId}</code>
        </p>
      </div>
    ),
  });
}

/** The same on a page of somebody who is signed in. */
export const notShown = ({ c, viewer }: Visit, at: PagePath, why: NotShown): Promise<Response> =>
  notShownPage(c, why, { viewer, at });

/** A form that was not taken: nothing has changed. */
export function formRefusedPage(
  c: Context<AppEnv>,
  { status, code, message }: FormRefusal,
  { viewer, at, principal }: Where & { readonly principal?: Principal | undefined } = {},
): Promise<Response> {
  logRefusal(c, { status, code }, { caller: principal });
  return respondPage(c, {
    title: 'Nothing was changed',
    status,
    viewer,
    at,
    body: (
      <div class="narrow">
        <h1>Nothing was changed</h1>
        <p class="alert">{message}</p>
        <p>
          <a href={c.req.path}>Open the page</a> and use its own form.
        </p>
      </div>
    ),
  });
}

export function nothingHere(c: Context<AppEnv>): Promise<Response> {
  return respondPage(c, {
    title: 'Nothing here',
    status: 404,
    body: (
      <div class="narrow">
        <h1>Nothing here</h1>
        <p>
          The console begins at <a href="/console">/console</a>.
        </p>
      </div>
    ),
  });
}
