import type { MiddlewareHandler } from 'hono';
import { ConfigError } from '../../config.ts';
import { randomHex } from '../../telemetry/trace.ts';
import { parseTenantId } from '../../tenant/contract/call.ts';
import { VERSION } from '../../version.ts';
import { inTime } from '../http/attempt.ts';
import { type AppEnv, isolateOf, type Served } from '../http/isolate.ts';
import { hasAdminKey } from './guard.ts';
import type { Ctx } from './refusals.ts';

/**
 * `GET /health` says that the Worker runs: open, and asks nothing else. `GET /health?deep` asks the parts of the
 * deployment, needs the admin key, and is 503 if one of them is broken.
 */

/** Tenants that a deep check asks, beginning at a random place of the list. */
export const HEALTH_SAMPLE = 20;
/** How long a part may take to answer. */
export const HEALTH_MS = 2000;

export interface Part {
  /** `unknown`: it could not be asked, because another part is broken. */
  readonly status: 'ok' | 'broken' | 'unknown';
  /** What is wrong and what to do, a sentence for each. */
  readonly problems?: readonly string[];
}
export interface TenantsPart extends Part {
  readonly checked: number;
}
export interface Parts {
  readonly settings: Part;
  readonly registry: Part;
  readonly tenants: TenantsPart;
}

const OK: Part = { status: 'ok' };
const UNKNOWN: Part = { status: 'unknown' };
const NONE_CHECKED: TenantsPart = { status: 'unknown', checked: 0 };
const broken = (...problems: string[]): Part => ({ status: 'broken', problems });

const isDeep = (c: Ctx) => c.req.query('deep') !== undefined;

/** Wrong settings stop every request; for the operator, this one says which they are. */
export const healthOfSettings =
  (served: Served): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    const adminKey: unknown = c.env.ADMIN_KEY;
    const isOperator = isDeep(c) && typeof adminKey === 'string' && adminKey !== '';
    if (!isOperator || !hasAdminKey(c.req.raw, adminKey)) return next();
    try {
      isolateOf(c.env, served);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return respond(c, {
        settings: broken(...error.problems),
        registry: UNKNOWN,
        tenants: NONE_CHECKED,
      });
    }
    return next();
  };

/** The open answer; a deep check passes it by. */
export const openHealth: MiddlewareHandler<AppEnv> = (c, next) =>
  isDeep(c) ? next() : Promise.resolve(c.json({ status: 'ok', version: VERSION }));

/** The deep answer, behind `operatorOnly`. */
export const deepHealth = async (c: Ctx): Promise<Response> => respond(c, await checkParts(c));

/** Asks every part. Settings that are wrong let no request come so far. */
export const checkParts = async (c: Ctx): Promise<Parts> => ({ settings: OK, ...(await partsOf(c)) });

function respond(c: Ctx, parts: Parts): Response {
  const isBroken = Object.values(parts).some(({ status }) => status === 'broken');
  c.header('Cache-Control', 'no-store');
  return c.json({ status: isBroken ? 'broken' : 'ok', version: VERSION, parts }, isBroken ? 503 : 200);
}

async function partsOf(c: Ctx): Promise<Omit<Parts, 'settings'>> {
  try {
    const registry = c.env.REGISTRY.getByName('registry');
    const sample = await inTime(async () => registry.sample(HEALTH_SAMPLE, randomHex(1)), HEALTH_MS);
    return { registry: OK, tenants: await tenantsPart(c, sample) };
  } catch {
    return { registry: broken(REGISTRY_BROKEN), tenants: NONE_CHECKED };
  }
}

const REGISTRY_BROKEN =
  'The list of tenants cannot be read. Calls, and tenants named by id, work without it; if it does not recover, POST /admin/registry/reset empties it, and within an hour each tenant lists itself again.';

async function tenantsPart(c: Ctx, ids: readonly string[]): Promise<TenantsPart> {
  const problems = (await Promise.all(ids.map((id) => problemOf(c, id)))).filter(
    (text) => text !== undefined,
  );
  return problems.length === 0
    ? { status: 'ok', checked: ids.length }
    : { status: 'broken', checked: ids.length, problems };
}

async function problemOf(c: Ctx, text: string): Promise<string | undefined> {
  const id = parseTenantId(text);
  if (id === undefined)
    return `${text} is listed, but is not the id of a tenant. POST /admin/registry/reset.`;
  try {
    const answer = await inTime(async () => c.env.TENANTS.getByName(id).check(), HEALTH_MS);
    if (answer === 'ok') return undefined;
    if (answer === 'not_found') return `${id} is listed, but does not exist. Delete it or create it again.`;
    return `${id} cannot load its storage. The log has the cause; if it cannot be repaired, delete the tenant and create it again.`;
  } catch {
    return `${id} does not answer. Ask again; if it stays so, look at the platform's status and logs.`;
  }
}
