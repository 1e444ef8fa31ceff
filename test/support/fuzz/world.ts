import { SCOPES } from '../../../src/tools/tool.ts';
import { HttpTenant, jsonOf, operate } from '../http.ts';
import type { Answer } from '../tenant.ts';

/** Stored by a tenant that the fuzzer has no token of: it must appear nowhere. */
export const CANARY = 'canary-7f3a91';

/** The tenants, tokens and texts that requests are made of. */
export interface World {
  readonly tenant: HttpTenant;
  readonly canary: HttpTenant;
  /** Tokens with every scope: so many that what one token may waste in a second is no limit. */
  readonly ordinary: readonly string[];
  /** Tokens by what is special about them. */
  readonly tokens: Readonly<Record<string, string>>;
  readonly sessions: readonly string[];
  /** Sessions that requests may end. */
  readonly endable: readonly string[];
  /** Texts that the server gave out for one use: cursors, claims, leases, ids. */
  readonly handles: readonly string[];
}

const ORDINARY_TOKENS = 40;
const BOARD = 'shared-run';

export async function createWorld(): Promise<World> {
  const [tenant, canary, suspended, limited] = await Promise.all(
    Array.from({ length: 4 }, () => HttpTenant.create()),
  );
  if (tenant === undefined || canary === undefined || suspended === undefined || limited === undefined)
    throw new Error('there are four tenants');
  const revoked = await HttpTenant.issue(tenant.id);
  await operate('DELETE', `/tenants/${tenant.id}/tokens/${revoked.tokenId}`);
  await operate('POST', `/tenants/${suspended.id}/suspend`);
  await operate('PATCH', `/tenants/${limited.id}/limits`, { rate: 0.01, burst: 20 });
  const reader = await HttpTenant.issue(tenant.id, {
    scopes: SCOPES.filter((scope) => scope.endsWith(':read')),
  });
  const writer = await HttpTenant.issue(tenant.id, {
    scopes: SCOPES.filter((scope) => scope.endsWith(':write')),
  });
  await fill(canary, CANARY);
  return {
    tenant,
    canary,
    ordinary: await Promise.all(
      Array.from({ length: ORDINARY_TOKENS }, async () => (await HttpTenant.issue(tenant.id)).token),
    ),
    tokens: {
      all: tenant.token,
      reader: reader.token,
      writer: writer.token,
      revoked: revoked.token,
      suspended: suspended.token,
      limited: limited.token,
      forged: `${tenant.token.slice(0, -4)}AAAA`,
    },
    sessions: await Promise.all([openSession(tenant), openSession(tenant)]),
    endable: await Promise.all(Array.from({ length: 8 }, () => openSession(tenant))),
    handles: await fill(tenant, 'plain text'),
  };
}

async function openSession(tenant: HttpTenant): Promise<string> {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'fuzz', version: '1' },
  };
  const opened = await tenant.rpc('initialize', params);
  await opened.body?.cancel();
  const session = opened.headers.get('mcp-session-id');
  if (session === null) throw new Error(`initialize: ${opened.status}`);
  return session;
}

/** Stores `text` wherever there is room for text. @returns the handles that the answers had */
async function fill(tenant: HttpTenant, text: string): Promise<string[]> {
  const handles: string[] = [];
  const call = async (tool: string, args: Record<string, unknown>) => {
    const { structuredContent } = await tenant.call(tool, args);
    for (const field of ['next_cursor', 'claim_id', 'lease_id', 'scar_id', 'fingerprint', 'key'])
      if (typeof structuredContent[field] === 'string') handles.push(structuredContent[field]);
    return structuredContent as Answer;
  };
  for (const n of [1, 2, 3]) {
    await call('blackboard_write', { run_id: BOARD, key: `plan/${n}`, value: { text, n }, tags: [text] });
    await call('scar_record', {
      error_type: `E${n}`,
      error_message: `${text} failed ${n}`,
      resolution: text,
    });
  }
  await call('blackboard_claim', { run_id: BOARD, key: 'plan/1', by: text });
  await call('cache_set', { model: 'model-x', prompt: text, response: text });
  await call('cache_get', { model: 'model-x', prompt: `${text}?`, lease_s: 600 });
  await call('blackboard_list', { run_id: BOARD, limit: 1 });
  await call('blackboard_list', { run_id: BOARD, query: 'plan', limit: 1 });
  await call('blackboard_list', { limit: 1 });
  await call('scar_list', { limit: 1 });
  const page = await jsonOf(await tenant.rpc('resources/list'));
  if (typeof page.result?.nextCursor === 'string') handles.push(page.result.nextCursor);
  return handles;
}
