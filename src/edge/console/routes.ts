import { type Context, Hono } from 'hono';
import { parseTenantId } from '../../tenant/contract/call.ts';
import { APPROVALS_SCOPE, CONNECTIONS_SCOPE, TOKENS_SCOPE } from '../../tools/families.ts';
import type { Scope } from '../../tools/tool.ts';
import { methodNotAllowed, problem } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { refuse } from '../http/refusal-log.ts';
import { getScript, getStyle, SCRIPT_PATH, STYLE_PATH } from './assets.ts';
import { receiveForm, type SentForm } from './forms.tsx';
import { type PagePath, pagesFor } from './layout.tsx';
import { boardStream, callsStream, runStream, runsStream, wantsStream } from './live.tsx';
import { formRefusedPage, nothingHere, notShownPage } from './not-shown.tsx';
import { approvalForm, approvalPage } from './pages/approval.tsx';
import { approvalsPage } from './pages/approvals.tsx';
import { boardPage, boardsPage } from './pages/boards.tsx';
import { cachePage } from './pages/cache.tsx';
import { callsPage } from './pages/calls.tsx';
import { cellPage } from './pages/cell.tsx';
import { connectionForm, connectionPage } from './pages/connection.tsx';
import { connectionsForm, connectionsPage } from './pages/connections.tsx';
import { failuresPage } from './pages/failures.tsx';
import { limitsPage } from './pages/limits.tsx';
import { runPage } from './pages/run.tsx';
import { runsPage } from './pages/runs.tsx';
import { tokenForm, tokenPage } from './pages/token.tsx';
import { issueForm, tokensPage } from './pages/tokens.tsx';
import { barredMessage } from './person.tsx';
import { sessionOf } from './session.ts';
import { askAnew, askToSignIn, showSignIn, signIn, signOut } from './sign-in.tsx';
import { startVisit, type Visit } from './visit.ts';

/** The console: pages for people on what the agents of one tenant do. They only read. */
export const consolePages = new Hono<AppEnv>();

export type TenantPage = (visit: Visit) => Promise<Response>;

/** The forms of a page, for members who have the scope and act in person. */
interface Forms {
  readonly scope: Scope;
  /** Answers with `done`, or with the page, which says what is wrong. */
  readonly take: (visit: Visit, form: SentForm) => Promise<Response>;
}

type Route = readonly [path: string, at: PagePath, page: TenantPage, forms?: Forms];

/** The pages that change while somebody looks at them, with their streams. */
export const STREAMS: Readonly<Record<string, TenantPage>> = {
  '/calls': callsStream,
  '/runs': runsStream,
  '/runs/:run': runStream,
  '/boards': boardStream,
  '/board': boardStream,
  '/cell': boardStream,
};

/** Each page of the navigation, and the pages that it leads to. */
export const TENANT_PAGES: readonly Route[] = [
  ['/calls', 'calls', callsPage],
  ['/runs', 'runs', runsPage],
  ['/runs/:run', 'runs', runPage],
  ['/approvals', 'approvals', approvalsPage],
  ['/approvals/:approval', 'approvals', approvalPage, { scope: APPROVALS_SCOPE, take: approvalForm }],
  ['/boards', 'boards', boardsPage],
  ['/board', 'boards', boardPage],
  ['/cell', 'boards', cellPage],
  ['/failures', 'failures', failuresPage],
  ['/cache', 'cache', cachePage],
  ['/limits', 'limits', limitsPage],
  ['/connections', 'connections', connectionsPage, { scope: CONNECTIONS_SCOPE, take: connectionsForm }],
  ['/connections/:name', 'connections', connectionPage, { scope: CONNECTIONS_SCOPE, take: connectionForm }],
  ['/tokens', 'tokens', tokensPage, { scope: TOKENS_SCOPE, take: issueForm }],
  ['/tokens/:token', 'tokens', tokenPage, { scope: TOKENS_SCOPE, take: tokenForm }],
];

const only =
  (...methods: readonly string[]) =>
  (c: Context<AppEnv>) =>
    refuse(c, problem, methodNotAllowed(methods));

consolePages.get(STYLE_PATH.slice('/console'.length), getStyle);
consolePages.get(SCRIPT_PATH.slice('/console'.length), getScript);
consolePages.get('/', showSignIn);
consolePages.post('/', signIn);
consolePages.all('/', only('GET', 'POST'));
consolePages.post('/:tenant/sign-out', signOut);
consolePages.all('/:tenant/sign-out', only('POST'));
consolePages.get('/:tenant', (c) => visited(c, undefined, firstPage));
for (const [path, at, page, forms] of TENANT_PAGES) {
  const stream = STREAMS[path] ?? page;
  consolePages.get(`/:tenant${path}`, (c) => visited(c, at, wantsStream(c) ? stream : page));
  if (forms !== undefined) consolePages.post(`/:tenant${path}`, (c) => submitted(c, at, forms));
  consolePages.all(`/:tenant${path}`, forms === undefined ? only('GET') : only('GET', 'POST'));
}
consolePages.get('/*', nothingHere);

/** Shows a page to a person who is signed in to its tenant, or lets them sign in. */
async function visited(c: Context<AppEnv>, at: PagePath | undefined, page: TenantPage): Promise<Response> {
  const tenant = parseTenantId(c.req.param('tenant') ?? '');
  if (tenant === undefined) return nothingHere(c);
  const session = await sessionOf(c, tenant);
  if (session === undefined) return askToSignIn(c);
  const visit = await startVisit(c, session, c.req.method === 'GET' && at !== 'connections');
  if (visit.ok) return page(visit.value);
  const isEnded = visit.error.kind === 'refused' && visit.error.refusal.reason === 'invalid_token';
  return isEnded ? askAnew(c, tenant) : notShownPage(c, visit.error, { at });
}

/** Hands a form of this server to its page, for a member who acts in person. */
async function submitted(c: Context<AppEnv>, at: PagePath, { scope, take }: Forms): Promise<Response> {
  const form = await receiveForm(c);
  if (!form.ok) return formRefusedPage(c, form.error);
  return visited(c, at, async (visit) => {
    const message = barredMessage(visit.viewer, scope);
    if (message === undefined) return take(visit, form.value);
    return formRefusedPage(c, { status: 403, code: 'forbidden', message }, { ...visit, at });
  });
}

/** The first page that the token may see. */
async function firstPage({ c, viewer }: Visit): Promise<Response> {
  return c.redirect(`${viewer.home}/${pagesFor(viewer.scopes)[0]?.path}`, 303);
}
