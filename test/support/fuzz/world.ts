import { ALL_SCOPES, SCOPES } from '../../../src/tools/tool.ts';
import { ConsoleBrowser } from '../console-browser.ts';
import { HttpTenant, jsonOf, operate } from '../http.ts';
import { addMember, newBrowser, newClient } from '../oauth-worker.ts';
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
  /** Ids of calls, runs, traces and held calls. */
  readonly ids: readonly string[];
  /** Ids of tokens and members that requests may revoke and remove. */
  readonly endableTokens: readonly string[];
  /** Tokens that administer their tenant. */
  readonly managers: readonly string[];
  /** Of a member, of a token and of the operator, at the pages of the console. */
  readonly cookies: readonly string[];
  /** A registered client. */
  readonly client: string;
  /** The query by which that client sends somebody to `/authorize`. */
  readonly authorizeQuery: string;
}

const ORDINARY_TOKENS = 40;
const MANAGERS = 20;
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
    ...(await handedOut(tenant)),
  };
}

/** What a tenant has given out for the pages and the APIs beside MCP, and who may use them. */
async function handedOut(
  tenant: HttpTenant,
): Promise<
  Pick<World, 'handles' | 'ids' | 'endableTokens' | 'managers' | 'cookies' | 'client' | 'authorizeQuery'>
> {
  const filled = await fill(tenant, 'plain text');
  const managers = await issue(tenant.id, MANAGERS, { scopes: [...ALL_SCOPES] });
  const endable = await issue(tenant.id, MANAGERS, { label: 'endable' });
  const leaving = await Promise.all(Array.from({ length: 4 }, () => addMember(tenant.id)));
  const ids = [await hold(tenant), ...(await recordedIds(tenant.id))];
  const signedIn = await signIn(tenant);
  return {
    ...signedIn,
    ids,
    handles: [...filled, ...ids, ...signedIn.handles, ...leaving.map(({ key }) => key)],
    endableTokens: [...endable.map(({ tokenId }) => tokenId), ...leaving.map(({ id }) => id)],
    managers: managers.map(({ token }) => token),
  };
}

const issue = (id: string, count: number, options: Parameters<typeof HttpTenant.issue>[1]) =>
  Promise.all(Array.from({ length: count }, () => HttpTenant.issue(id, options)));

/** A call that waits for a person. */
async function hold({ id }: HttpTenant): Promise<string> {
  await operate('PATCH', `/tenants/${id}/policy`, { tool: 'scar_delete', approval: true });
  const agent = await HttpTenant.issue(id, { scopes: [...SCOPES] });
  const held = await agent.call('scar_delete', { scar_id: 'scar_1' });
  return String(held.structuredContent.error?.approval_id);
}

async function recordedIds(id: string): Promise<string[]> {
  const { calls, next_cursor } = await operate('GET', `/tenants/${id}/calls?limit=3`);
  const { runs } = await operate('GET', `/tenants/${id}/runs?limit=3`);
  const named = [...calls, ...runs].flatMap((one: Answer) => [one.id, one.trace_id, one.run]);
  return [next_cursor, ...named]
    .filter((one) => typeof one === 'string' || typeof one === 'number')
    .map(String);
}

/** A member at the console and on the page of consent, and the operator at theirs. */
async function signIn(
  tenant: HttpTenant,
): Promise<Pick<World, 'cookies' | 'client' | 'authorizeQuery' | 'handles'>> {
  const member = await addMember(tenant.id, { scopes: [...ALL_SCOPES] });
  const [atConsole, withToken, atConsent, client] = [
    new ConsoleBrowser(),
    new ConsoleBrowser(),
    newBrowser(),
    await newClient(),
  ];
  await (await atConsole.signIn(member.key)).body?.cancel();
  await (await atConsole.signInAsOperator()).body?.cancel();
  await (await withToken.signIn(tenant.token)).body?.cancel();
  const url = client.authorizeUrl();
  const consent = await atConsent.signIn(await atConsent.open(url), member.key);
  const consentCookies = [...atConsent.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  return {
    cookies: [`${atConsole.cookies}; ${consentCookies}`, withToken.cookies],
    client: client.id,
    authorizeQuery: url.search.slice(1),
    handles: [
      client.id,
      member.key,
      `${tenant.id}/${member.id}`,
      ...consent.values('request'),
      await client.code(newBrowser(), member.key),
    ],
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
