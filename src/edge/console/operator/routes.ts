import { type Context, Hono } from 'hono';
import { parseTenantId } from '../../../tenant/contract/call.ts';
import { listAction } from '../../admin/operator-calls.ts';
import { methodNotAllowed, problem } from '../../http/http-errors.ts';
import type { AppEnv } from '../../http/isolate.ts';
import { refuse } from '../../http/refusal-log.ts';
import { receiveForm } from '../forms.tsx';
import { wantsStream } from '../live.tsx';
import { formRefusedPage, nothingHere } from '../not-shown.tsx';
import { decide } from '../pages/approval.tsx';
import { STREAMS, TENANT_PAGES } from '../routes.ts';
import { manageForm } from './manage-forms.ts';
import { actionsPage } from './pages/actions.tsx';
import { healthPage } from './pages/health.tsx';
import { showManage } from './pages/manage.tsx';
import { tenantsPage } from './pages/tenants.tsx';
import { type OperatorSession, operatorSessionOf } from './session.ts';
import { askOperatorToSignIn, operatorHome, operatorSignIn, operatorSignOut } from './sign-in.tsx';
import { type OperatorVisit, operatorVisit, tenantHome } from './visit.ts';

/** The operator's console: all tenants, and the pages of each, for who has the admin key. */
export const operatorPages = new Hono<AppEnv>();

type Ctx = Context<AppEnv>;
type Page = (c: Ctx, session: OperatorSession) => Promise<Response>;

const only =
  (...methods: readonly string[]) =>
  (c: Ctx) =>
    refuse(c, problem, methodNotAllowed(methods));

operatorPages.get('/', operatorHome);
operatorPages.post('/', operatorSignIn);
operatorPages.all('/', only('GET', 'POST'));
operatorPages.post('/sign-out', operatorSignOut);
operatorPages.all('/sign-out', only('POST'));
serve('/tenants', tenantsPage);
serve('/actions', actionsPage);
serve('/health', healthPage);
serve('/tenants/:tenant', async (c) => {
  const tenant = parseTenantId(c.req.param('tenant') ?? '');
  return tenant === undefined ? nothingHere(c) : c.redirect(`${tenantHome(tenant)}/calls`, 303);
});
// The operator decides held calls here as by the API.
operatorPages.post('/tenants/:tenant/approvals/:approval', (c) =>
  signedIn(c, (_c, session) => ofTenant(c, session, decided)),
);
for (const [path, , page] of TENANT_PAGES) {
  const stream = STREAMS[path] ?? page;
  serve(`/tenants/:tenant${path}`, (c, session) => ofTenant(c, session, wantsStream(c) ? stream : page));
}

operatorPages.get('/tenants/:tenant/manage', (c) =>
  signedIn(c, (_c, session) => ofTenant(c, session, (visit) => showManage(visit, {}))),
);
operatorPages.post('/tenants/:tenant/manage', (c) =>
  signedIn(c, (_c, session) => ofTenant(c, session, submitted)),
);
operatorPages.all('/tenants/:tenant/manage', only('GET', 'POST'));

/** Takes a form of the operator's. */
async function submitted(visit: OperatorVisit): Promise<Response> {
  const form = await receiveForm(visit.c);
  if (form.ok) return manageForm(visit, form.value);
  const { status, code, message } = form.error;
  return showManage(visit, { problem: { field: undefined, message }, status, code });
}

/** Takes a decision on a held call. */
async function decided(visit: OperatorVisit): Promise<Response> {
  const form = await receiveForm(visit.c);
  if (!form.ok) return formRefusedPage(visit.c, form.error, { viewer: visit.viewer, at: 'approvals' });
  const { c, viewer, session } = visit;
  const as = session.name === '' ? undefined : session.name;
  const answer = await decide(visit, form.value, { kind: 'operator', as });
  const action = `POST approvals ${c.req.param('approval')}`;
  if (answer.status === 303)
    await listAction(c, { tenant: viewer.tenant, action, as, code: undefined, changed: [] });
  return answer;
}

/** Serves a page that only reads. */
function serve(path: string, page: Page): void {
  operatorPages.get(path, (c) => signedIn(c, page));
  operatorPages.all(path, only('GET'));
}

async function signedIn(c: Ctx, page: Page): Promise<Response> {
  const session = await operatorSessionOf(c);
  return session === undefined ? askOperatorToSignIn(c) : page(c, session);
}

/** A page of a tenant, as the tenant sees it. */
async function ofTenant(
  c: Ctx,
  session: OperatorSession,
  page: (visit: OperatorVisit) => Promise<Response>,
): Promise<Response> {
  const tenant = parseTenantId(c.req.param('tenant') ?? '');
  return tenant === undefined ? nothingHere(c) : page(operatorVisit(c, tenant, session));
}
