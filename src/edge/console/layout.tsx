import type { Context } from 'hono';
import type { Child } from 'hono/jsx';
import type { TenantId, TokenId } from '../../tenant/contract/call.ts';
import type { Person } from '../../tenant/contract/sign-in.ts';
import { APPROVALS_SCOPE } from '../../tools/families.ts';
import type { Scope } from '../../tools/tool.ts';
import type { AppEnv } from '../http/isolate.ts';
import { pageHeaders } from '../http/page-headers.ts';
import { isLogged, logRefusal } from '../http/refusal-log.ts';
import { SCRIPT_PATH, STYLE_PATH } from './assets.ts';
import { Notice, noticeOf } from './forms.tsx';
import { withCodes } from './shown-text.ts';

/** The frame of every page of the console. Nothing is inline, nothing comes from another host, and no page is stored. */

const HEADERS = pageHeaders([
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  'trusted-types console',
  "require-trusted-types-for 'script'",
]);

/** The pages of a tenant, with the scope that each needs. */
export const PAGES = [
  { path: 'calls', title: 'Calls', scope: 'records:read' },
  { path: 'runs', title: 'Runs', scope: 'records:read' },
  { path: 'approvals', title: 'Approvals', scope: APPROVALS_SCOPE },
  { path: 'boards', title: 'Boards', scope: 'blackboard:read' },
  { path: 'failures', title: 'Failures', scope: 'scar:read' },
  { path: 'cache', title: 'Cache', scope: 'cache:read' },
  { path: 'limits', title: 'Limits', scope: 'any' },
  { path: 'tokens', title: 'Tokens', scope: 'records:read' },
  { path: 'connections', title: 'Connections', scope: 'records:read' },
] as const satisfies readonly { path: string; title: string; scope: Scope | 'any' }[];
export type PagePath = (typeof PAGES)[number]['path'];

/** Which pages a token may see. */
export const pagesFor = (scopes: readonly Scope[]) =>
  PAGES.filter(({ scope }) => scope === 'any' || scopes.includes(scope));

/** Who looks at a page: a person who is signed in to a tenant. */
export interface Viewer {
  readonly tenant: TenantId;
  readonly scopes: readonly Scope[];
  /** The path below which they see the pages of the tenant. */
  readonly home: string;
  /** The member who acts in person; undefined for whoever is signed in with a token, who only reads. */
  readonly person: Person | undefined;
  /** Tells this session from others. Not a secret. */
  readonly session: string;
  /** The operator, who has no token of the tenant. */
  readonly isOperator: boolean;
}

/** Where the operator's own pages stand. No tenant's do: its id cannot have an @. */
export const OPERATOR_HOME = '/console/@operator';

/** What the log calls a page that refuses something, where nothing says it more exactly. */
const REFUSALS = {
  400: 'invalid_input',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  408: 'timeout',
  409: 'conflict',
  413: 'too_large',
  415: 'media_type',
  429: 'too_many_requests',
  503: 'unavailable',
} as const;

interface PageOptions {
  readonly title: string;
  readonly status?: 200 | keyof typeof REFUSALS;
  /** What the log calls a refusal; by its status unless it is given. */
  readonly code?: string | undefined;
  /** Nobody is signed in without one. */
  readonly viewer?: Viewer | undefined;
  /** The page of the navigation that this one belongs to. */
  readonly at?: PagePath | undefined;
  /** In place of the header of a tenant's pages, and what tells the session from others. */
  readonly frame?: { readonly header: Child; readonly session: string };
  readonly body: Child;
}

/** The operator has no token of the tenant. */
const callerOf = (viewer: Viewer | undefined) =>
  viewer === undefined || viewer.isOperator
    ? {}
    : { caller: { tenant: viewer.tenant, tokenId: viewer.session as TokenId } };

/** Answers with a page. One that refuses something has a line in the log. */
export async function respondPage(
  c: Context<AppEnv>,
  { title, status = 200, code, viewer, at, frame, body }: PageOptions,
): Promise<Response> {
  if (status !== 200 && !isLogged(c))
    logRefusal(c, { status, code: code ?? REFUSALS[status] }, callerOf(viewer));
  // The platform logs an error when a request is answered whose body was not read.
  if (!c.req.raw.bodyUsed) await c.req.raw.body?.cancel();
  const session = frame?.session ?? viewer?.session;
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>
          {viewer === undefined ? `${title} · Bulkhead` : `${title} · ${viewer.tenant} · Bulkhead`}
        </title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href={STYLE_PATH} />
        <script src={SCRIPT_PATH} defer />
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to the page
        </a>
        {frame?.header ?? <Header viewer={viewer} at={at} />}
        <main id="main" tabindex={-1}>
          <Notice text={session && noticeOf(c, session)} />
          {body}
        </main>
        {session !== undefined && <Keys />}
      </body>
    </html>
  );
  return c.html(withCodes(`<!doctype html>\n${await page.toString()}\n`), status, HEADERS);
}

function Header({ viewer, at }: Pick<PageOptions, 'viewer' | 'at'>) {
  if (viewer === undefined)
    return (
      <header>
        <span class="brand">Bulkhead</span>
      </header>
    );
  return (
    <header>
      <a class="brand" href={viewer.isOperator ? OPERATOR_HOME : '/console'}>
        Bulkhead
      </a>
      <span class="tenant">{viewer.tenant}</span>
      <span class="soft who">
        {viewer.isOperator ? (
          'as operator'
        ) : viewer.person === undefined ? (
          'with a token'
        ) : (
          <bdi>{viewer.person.name}</bdi>
        )}
      </span>
      <nav aria-label="Pages">
        {viewer.isOperator && <a href={`${OPERATOR_HOME}/tenants`}>‹ Tenants</a>}
        {pagesFor(viewer.scopes).map(({ path, title }) => (
          <a href={`${viewer.home}/${path}`} aria-current={path === at ? 'page' : undefined}>
            {title}
          </a>
        ))}
        {viewer.isOperator && (
          <a href={`${viewer.home}/manage`} aria-current={at === undefined ? 'page' : undefined}>
            Manage
          </a>
        )}
      </nav>
      <form method="post" action={`${viewer.isOperator ? OPERATOR_HOME : viewer.home}/sign-out`}>
        <button type="submit">Sign out</button>
      </form>
    </header>
  );
}

const Keys = () => (
  <footer>
    <details class="keys">
      <summary>Keys</summary>
      <dl>
        <dt>
          <kbd>j</kbd> <kbd>k</kbd>
        </dt>
        <dd>next row, row before</dd>
        <dt>
          <kbd>Enter</kbd>
        </dt>
        <dd>open the row</dd>
        <dt>
          <kbd>/</kbd>
        </dt>
        <dd>filter</dd>
        <dt>
          <kbd>p</kbd>
        </dt>
        <dd>pause what changes by itself</dd>
        <dt>
          <kbd>?</kbd>
        </dt>
        <dd>these keys</dd>
      </dl>
    </details>
    <p>All times are UTC; pointing at one shows it in your own time.</p>
  </footer>
);
