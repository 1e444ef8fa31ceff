import * as z from 'zod';
import { bucketLimitSchema } from '../tenant/contract/limit-settings.ts';
import { SCOPES, type Scope } from '../tools/tool.ts';
import { DEV_VARS, readDevVars } from './dev-vars.ts';
import { CliError } from './terminal.ts';

export const DEFAULT_URL = 'http://127.0.0.1:8787';
const TIMEOUT_MS = 15_000;
const PAGE = 100;
/** Pages that one listing follows. */
const MAX_PAGES = 100;

const tenantSchema = z.object({
  id: z.string(),
  status: z.enum(['active', 'suspended']),
  created_at: z.string(),
  limits: z.object({
    tenant: bucketLimitSchema,
    tool: bucketLimitSchema,
    tools: z.record(z.string(), bucketLimitSchema),
  }),
  storage: z.object({ bytes: z.number(), quota_bytes: z.number() }),
});
export type TenantAnswer = z.infer<typeof tenantSchema>;

const pageSchema = z.object({
  tenants: z.array(tenantSchema.pick({ id: true, status: true, created_at: true })),
  next_cursor: z.string().optional(),
});
export type TenantPage = z.infer<typeof pageSchema>;

const deletedSchema = z.object({ id: z.string(), status: z.literal('deleted') });

const scopesSchema = z.array(z.enum(SCOPES));
const issuedSchema = z.object({
  tenant: z.string(),
  token_id: z.string(),
  token: z.string(),
  scopes: scopesSchema,
  expires_at: z.string(),
  url: z.string(),
});
export type IssuedToken = z.infer<typeof issuedSchema>;

const tokenSchema = z.object({
  token_id: z.string(),
  label: z.string(),
  scopes: scopesSchema,
  created_at: z.string(),
  expires_at: z.string(),
  revoked_at: z.string().nullable(),
});
export type TokenAnswer = z.infer<typeof tokenSchema>;
const tokensSchema = z.object({ tokens: z.array(tokenSchema) });

const problemSchema = z.object({ code: z.string(), detail: z.string() });

export interface TokenOptions {
  readonly scopes?: readonly Scope[] | undefined;
  readonly ttl_s?: number | undefined;
  readonly label?: string | undefined;
}
export interface LimitChange {
  /** A tool, `*` for every tool without limits of its own, or nothing for the tenant's own bucket. */
  readonly tool?: string | undefined;
  readonly rate?: number | undefined;
  readonly burst?: number | undefined;
}

/** The server that the commands talk to, from `BULKHEAD_URL`: scheme, host and maybe a path, no slash at the end. */
export function serverUrl(): string {
  const text = process.env.BULKHEAD_URL ?? DEFAULT_URL;
  if (!URL.canParse(text) || !/^https?:\/\//.test(text) || /[?#]/.test(text)) {
    throw new CliError('usage', `BULKHEAD_URL must be the server's address, such as ${DEFAULT_URL}.`);
  }
  return text.replace(/\/+$/, '');
}

/** The operator's key, from `BULKHEAD_ADMIN_KEY` or `.dev.vars`. */
export function adminKey(): string {
  const key = process.env.BULKHEAD_ADMIN_KEY ?? readDevVars()?.ADMIN_KEY;
  if (key !== undefined && key !== '') return key;
  throw new CliError(
    'no_admin_key',
    `There is no admin key: set BULKHEAD_ADMIN_KEY, or run this where \`npm start\` has made ${DEV_VARS}.`,
  );
}

/** The operator's HTTP API. Every method throws a `CliError` with one sentence when it does not succeed. */
export class AdminClient {
  readonly #url: string;
  readonly #key: string;

  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  create(id: string): Promise<TenantAnswer> {
    return this.#ask('POST', '/tenants', tenantSchema, { id });
  }

  /** All tenants; `next_cursor` is left only when there are more than 10,000. */
  async list(): Promise<TenantPage> {
    const tenants: TenantPage['tenants'] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const query = new URLSearchParams({ limit: String(PAGE), ...(cursor === undefined ? {} : { cursor }) });
      const page = await this.#ask('GET', `/tenants?${query}`, pageSchema);
      tenants.push(...page.tenants);
      cursor = page.next_cursor;
      if (cursor === undefined) return { tenants };
    }
    return { tenants, next_cursor: cursor };
  }

  show(id: string): Promise<TenantAnswer> {
    return this.#ask('GET', tenantPath(id), tenantSchema);
  }

  delete(id: string): Promise<z.infer<typeof deletedSchema>> {
    return this.#ask('DELETE', tenantPath(id), deletedSchema);
  }

  suspend(id: string): Promise<TenantAnswer> {
    return this.#ask('POST', `${tenantPath(id)}/suspend`, tenantSchema);
  }

  resume(id: string): Promise<TenantAnswer> {
    return this.#ask('POST', `${tenantPath(id)}/resume`, tenantSchema);
  }

  setLimits(id: string, change: LimitChange): Promise<TenantAnswer> {
    return this.#ask('PATCH', `${tenantPath(id)}/limits`, tenantSchema, change);
  }

  issueToken(id: string, options: TokenOptions): Promise<IssuedToken> {
    return this.#ask('POST', `${tenantPath(id)}/tokens`, issuedSchema, options);
  }

  tokens(id: string): Promise<{ tokens: TokenAnswer[] }> {
    return this.#ask('GET', `${tenantPath(id)}/tokens`, tokensSchema);
  }

  revokeToken(id: string, tokenId: string): Promise<TokenAnswer> {
    return this.#ask('DELETE', `${tenantPath(id)}/tokens/${encodeURIComponent(tokenId)}`, tokenSchema);
  }

  async #ask<T>(method: string, path: string, schema: z.ZodType<T>, body?: object): Promise<T> {
    const { status, document } = await this.#send(method, path, body);
    if (status >= 200 && status < 300) {
      const answer = schema.safeParse(document);
      if (answer.success) return answer.data;
    }
    const problem = problemSchema.safeParse(document);
    if (status >= 400 && problem.success) throw new CliError(problem.data.code, problem.data.detail);
    throw new CliError(
      'unexpected_answer',
      `${this.#url} answered with HTTP ${status} and not as a Bulkhead server does; check BULKHEAD_URL.`,
    );
  }

  async #send(method: string, path: string, body: object | undefined) {
    try {
      const response = await fetch(`${this.#url}/admin${path}`, {
        method,
        headers: {
          Authorization: `Bearer ${this.#key}`,
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const text = await response.text();
      return { status: response.status, document: parseJson(text) };
    } catch (error) {
      const late = error instanceof Error && error.name === 'TimeoutError';
      throw new CliError(
        'unreachable',
        late
          ? `The server at ${this.#url} did not answer within ${TIMEOUT_MS / 1000} seconds.`
          : `No server answers at ${this.#url}: start it with \`npm start\`, or set BULKHEAD_URL to where it runs.`,
      );
    }
  }
}

function tenantPath(id: string): string {
  return `/tenants/${encodeURIComponent(id)}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
