import type { Context } from 'hono';
import type { AppEnv } from '../http/isolate.ts';
import { respondPage } from './page-layout.ts';
import { problemPage } from './pages.ts';
import { countFailure, record } from './records.ts';

type Ctx = Context<AppEnv>;

/** Pages for what cannot go on. None of them is a redirect, so that nobody can use this server to send a browser elsewhere. */

/** @param goTo a link for the person, never a redirect */
export async function refuse(c: Ctx, code: string, message: string, goTo?: string): Promise<Response> {
  const isFenced = !(await countFailure(c));
  record(c, 'oauth.refused', undefined, { code, http_status: isFenced ? 429 : 400 });
  if (isFenced) return refuseTooMany(c);
  const back = goTo === undefined ? undefined : { href: goTo, words: 'Back to the app' };
  return respondPage(c, problemPage(message, 400, back));
}

export const refuseStale = (c: Ctx): Promise<Response> =>
  refuse(c, 'stale_page', 'This page is too old, or belongs to another browser. Start again in the app.');

export const refuseTooMany = (c: Ctx): Promise<Response> =>
  respondPage(
    c,
    problemPage('Too many attempts came from your network. Wait a minute, then try again.', 429),
  );

export const respondUnavailable = (c: Ctx): Promise<Response> =>
  respondPage(c, problemPage('The server cannot reach your data now. Try again in a minute.', 503));
