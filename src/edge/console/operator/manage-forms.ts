import * as z from 'zod';
import { fail, type Result, succeed } from '../../../result.ts';
import type { Compacted } from '../../../tenant/compact.ts';
import {
  bucketLimitSchema,
  callQuotaSchema,
  type LimitChange,
  storageQuotaSchema,
} from '../../../tenant/contract/limit-settings.ts';
import { parseSize } from '../../../tenant/contract/size.ts';
import type { TenantObject } from '../../../tenant/object.ts';
import { listAction, recorded } from '../../admin/operator-calls.ts';
import { AdminRefusal, resultOf } from '../../admin/refusals.ts';
import { verifyRecords } from '../../admin/verify.ts';
import { done, type FieldProblem, optional, type SentForm } from '../forms.tsx';
import { count, size } from '../parts.tsx';
import { TENANTS_PATH } from './frame.tsx';
import { showManage } from './pages/manage.tsx';
import type { OperatorVisit } from './visit.ts';

/** The forms by which the operator changes a tenant. Each does what a request of the API does, and is recorded as that is. */

const RATE = 'must be a number of tokens a second from 0.001 to 100000, with at most three decimals.';
const BURST = 'must be a whole number of tokens from 1 to 1000000.';
const STORAGE = 'must be a size from 1MiB to 10GB, such as 200MB, or be empty.';
const CALLS = 'must be a whole number of calls from 1 to 1000000000000, or be empty.';

const number = (name: string, shape: RegExp, schema: z.ZodType<number, number>, words: string) =>
  z
    .string(`${name} ${words}`)
    .trim()
    .regex(shape, `${name} ${words}`)
    .transform(Number)
    .refine((value) => schema.safeParse(value).success, `${name} ${words}`);

const bucket = z.object({ tool: z.string().max(64).default('') });
const limit = z.object({
  ...bucket.shape,
  rate: number('Tokens a second', /^\d{1,6}(\.\d{1,3})?$/, bucketLimitSchema.shape.rate, RATE),
  burst: number('Burst', /^\d{1,7}$/, bucketLimitSchema.shape.burst, BURST),
});
const calls = (name: string) => optional(number(name, /^\d{1,13}$/, callQuotaSchema, CALLS));
const quotas = z.object({
  storage: optional(
    z
      .string()
      .trim()
      .max(32, `Storage ${STORAGE}`)
      .transform((text) => parseSize(text) ?? Number.NaN)
      .refine((bytes) => storageQuotaSchema.safeParse(bytes).success, `Storage ${STORAGE}`),
  ),
  day: calls('Calls a day'),
  month: calls('Calls a month'),
});

/** What was done, for the notice, and the page that shows it. */
interface Done {
  readonly text: string;
  /** The page of the form unless it is given. */
  readonly path?: string;
}
type Act = (visit: OperatorVisit, form: SentForm) => Promise<Result<Done, FieldProblem>>;
type Tenant = DurableObjectStub<TenantObject>;

/** Does something to the tenant of a visit, as one record. @throws AdminRefusal */
function change<T>(
  { c, viewer: { tenant }, session: { name } }: OperatorVisit,
  action: string,
  act: (tenant: Tenant) => Promise<T>,
): Promise<T> {
  const as = name === '' ? undefined : name;
  return recorded(c, tenant, { action, as }, () => act(c.env.TENANTS.getByName(tenant)));
}

const suspend: Act = async (visit) => {
  await change(visit, 'POST suspend', (tenant) => resultOf(visit.c, tenant.setStatus('suspended')));
  return succeed({ text: 'The tenant is suspended. Every call is refused, and its streams have ended.' });
};

const resume: Act = async (visit) => {
  await change(visit, 'POST resume', (tenant) => resultOf(visit.c, tenant.setStatus('active')));
  return succeed({ text: 'The tenant is active again.' });
};

const bucketName = (tool: string) =>
  tool === '' ? 'the tenant' : tool === '*' ? 'each tool without limits of its own' : tool;

async function changeLimit(visit: OperatorVisit, tool: string, limits: LimitChange): Promise<void> {
  const asked = { ...(tool !== '' && { tool }), ...limits };
  await change(visit, 'PATCH limits', (tenant) => resultOf(visit.c, tenant.changeLimits(asked)));
}

const limitsPath = ({ viewer }: OperatorVisit) => `${viewer.home}/limits`;

const setLimit: Act = async (visit, form) => {
  const fields = form.read(limit);
  if (!fields.ok) return fields;
  const { tool, rate, burst } = fields.value;
  await changeLimit(visit, tool, { rate, burst });
  const text = `The bucket of ${bucketName(tool)} now refills ${count(rate)} tokens a second and holds ${count(burst)}.`;
  return succeed({ text, path: limitsPath(visit) });
};

const unsetLimit: Act = async (visit, form) => {
  const fields = form.read(bucket);
  if (!fields.ok) return fields;
  const { tool } = fields.value;
  await changeLimit(visit, tool, { unset: true });
  return succeed({
    text: `The default limit applies to ${bucketName(tool)} again.`,
    path: limitsPath(visit),
  });
};

const setQuotas: Act = async (visit, form) => {
  const fields = form.read(quotas);
  if (!fields.ok) return fields;
  const { storage = null, day = null, month = null } = fields.value;
  await change(visit, 'PATCH limits', async (tenant) => {
    await resultOf(visit.c, tenant.changeCallQuotas({ day, month }));
    await resultOf(visit.c, tenant.setStorageQuota(storage));
  });
  return succeed({ text: 'The quotas were changed.', path: limitsPath(visit) });
};

const compact: Act = async (visit) => {
  const { events, expired, freedBytes, more } = await change(visit, 'POST compact', (tenant) =>
    resultOf<Compacted>(visit.c, tenant.compact()),
  );
  const text = `${count(events)} old versions and ${count(expired)} expired rows were deleted, which frees ${size(freedBytes)}.`;
  return succeed({ text: more ? `${text} There is more: compact again.` : text });
};

/** What is erased has no records: the list of all actions has it. */
const erase: Act = async ({ c, viewer: { tenant }, session: { name } }, form) => {
  const field = 'name';
  if (form.typed(field).trim() !== tenant)
    return fail({ field, message: `Type the tenant’s name, ${tenant}, to erase it. Nothing was erased.` });
  await resultOf(c, c.env.TENANTS.getByName(tenant).erase(tenant));
  const as = name === '' ? undefined : name;
  await listAction(c, { tenant, action: 'DELETE tenant', as, code: undefined, changed: [] });
  return succeed({ text: `${tenant} was erased.`, path: TENANTS_PATH });
};

const ACTIONS: Readonly<Record<string, Act>> = {
  suspend,
  resume,
  limit: setLimit,
  unset: unsetLimit,
  quotas: setQuotas,
  compact,
  erase,
};

/** Takes a form of the page Manage. */
export async function manageForm(visit: OperatorVisit, form: SentForm): Promise<Response> {
  const { c, viewer } = visit;
  try {
    if (form.action === 'verify') {
      const verdict = await change(visit, 'POST verify', () => verifyRecords(c, viewer.tenant));
      return await showManage(visit, { verdict });
    }
    const act = Object.hasOwn(ACTIONS, form.action) ? ACTIONS[form.action] : undefined;
    const problem = { field: undefined, message: 'This form has no such action. Reload the page.' };
    const result = act === undefined ? fail(problem) : await act(visit, form);
    if (!result.ok) return await showManage(visit, { form, problem: result.error, status: 400 });
    const { text, path = `${viewer.home}/manage` } = result.value;
    return done(c, viewer.session, text, path);
  } catch (cause) {
    if (!(cause instanceof AdminRefusal)) throw cause;
    const { status, message, field } = cause.refusal;
    const shown = status === 404 || status === 409 || status === 503 ? status : 400;
    return showManage(visit, { form, problem: { field, message }, status: shown });
  }
}
