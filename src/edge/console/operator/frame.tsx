import type { Context } from 'hono';
import type { Child } from 'hono/jsx';
import type { AppEnv } from '../../http/isolate.ts';
import { OPERATOR_HOME, respondPage } from '../layout.tsx';
import { type OperatorSession, sessionName } from './session.ts';

/** The frame of the operator's own pages, which are of no tenant. */

const PAGES = [
  { path: 'tenants', title: 'Tenants' },
  { path: 'actions', title: 'Actions' },
  { path: 'health', title: 'Health' },
] as const;
export const TENANTS_PATH = `${OPERATOR_HOME}/tenants`;
export type OperatorPagePath = (typeof PAGES)[number]['path'];

interface OperatorPage {
  readonly title: string;
  readonly at: OperatorPagePath;
  readonly status?: 200 | 400 | 404 | 503;
  readonly body: Child;
}

export const respondOperatorPage = (
  c: Context<AppEnv>,
  session: OperatorSession,
  { title, at, status = 200, body }: OperatorPage,
): Promise<Response> =>
  respondPage(c, {
    title: `${title} · operator`,
    status,
    frame: { header: <Header at={at} name={session.name} />, session: sessionName(session) },
    body,
  });

const Header = ({ at, name }: { at: OperatorPagePath; name: string }) => (
  <header>
    <a class="brand" href={OPERATOR_HOME}>
      Bulkhead
    </a>
    <span class="tenant">
      operator
      {name !== '' && (
        <>
          {' '}
          <bdi>{name}</bdi>
        </>
      )}
    </span>
    <nav aria-label="Pages">
      {PAGES.map(({ path, title }) => (
        <a href={`${OPERATOR_HOME}/${path}`} aria-current={path === at ? 'page' : undefined}>
          {title}
        </a>
      ))}
    </nav>
    <form method="post" action={`${OPERATOR_HOME}/sign-out`}>
      <button type="submit">Sign out</button>
    </form>
  </header>
);
