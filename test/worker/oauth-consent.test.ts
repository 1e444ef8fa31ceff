import { describe, expect, test } from 'vitest';
import { catalogue } from '../../src/catalogue.ts';
import { SCOPES } from '../../src/tools/tool.ts';
import { callTool, jsonOf, listTools, operate, postMcp, send } from '../support/http.ts';
import { type Browser, type HandClient, type ShownPage, tokensOf } from '../support/oauth-person.ts';
import { newBrowser, newClient, newMember } from '../support/oauth-worker.ts';
import { modern } from '../support/streams-worker.ts';

/** What a person ticks on the page of consent, and what the client can do then. */

interface AtConsent {
  readonly tenant: string;
  readonly client: HandClient;
  readonly browser: Browser;
  readonly page: ShownPage;
}

async function atConsent(member: Record<string, unknown> = {}): Promise<AtConsent> {
  const { tenant, key } = await newMember(member);
  const client = await newClient();
  const browser = newBrowser();
  return {
    tenant,
    client,
    browser,
    page: await browser.signIn(await browser.open(client.authorizeUrl()), key),
  };
}

/** Presses "Allow" with these boxes ticked; the page's hidden fields are sent as well. */
function allow(
  { browser, page }: AtConsent,
  scopes: readonly string[],
  tools: readonly string[],
  readOnly = false,
) {
  return browser.press(
    page,
    'allow',
    ['as', page.values('as')[0] ?? ''],
    ['tools_listed', 'true'],
    ...(readOnly ? [['read_only', 'true'] as const] : []),
    ...scopes.map((scope) => ['scope', scope] as const),
    ...tools.map((tool) => ['tool', tool] as const),
  );
}

async function tokensAfter(at: AtConsent, done: ShownPage) {
  return tokensOf(await at.client.redeem(done.goesTo?.searchParams.get('code') ?? ''));
}

const rpc = (method: string, params: object = {}) => ({ jsonrpc: '2.0', id: 1, method, params });
const listed = async (token: string): Promise<string[]> =>
  (await jsonOf(await postMcp(token, listTools))).result.tools.map(({ name }: { name: string }) => name);
const namesOf = (isMeant: (scope: string) => boolean) =>
  catalogue.tools.filter(({ scope }) => isMeant(scope)).map(({ name }) => name);

test('the page has a box in words for each scope, and for each tool within it, all of them ticked', async () => {
  const { page } = await atConsent();
  expect(page.values('scope')).toEqual([...SCOPES]);
  expect(page.values('tool').sort()).toEqual(namesOf(() => true).sort());
  for (const words of ['Read the shared boards', 'Only read', 'Choose single things', 'List failures'])
    expect(page.text).toContain(words);
  for (const name of [...SCOPES, ...namesOf(() => true)]) expect(page.text).not.toContain(name);
  const boxes = [...page.html.matchAll(/<input type="checkbox"[^>]*>/g)].map(([box]) => box);
  expect(boxes.filter((box) => !box.includes('checked'))).toEqual([
    '<input type="checkbox" name="read_only" value="true">',
  ]);
});

test('the page offers a member no more than the member has', async () => {
  const { page } = await atConsent({ scopes: ['scar:read'] });
  expect(page.values('scope')).toEqual(['scar:read']);
  expect(page.values('tool').sort()).toEqual(
    namesOf((scope) => scope === 'scar:read' || scope === 'any').sort(),
  );
  expect(page.values('read_only')).toEqual([]);
});

describe('what is ticked is what the client may do', () => {
  const everything = namesOf(() => true);
  const reading = SCOPES.filter((scope) => scope.endsWith(':read'));
  const readingTools = namesOf((scope) => !scope.endsWith(':write'));
  const cases: readonly (readonly [
    string,
    readonly string[],
    readonly string[],
    boolean,
    string,
    readonly string[],
  ])[] = [
    ['all', SCOPES, everything, false, SCOPES.join(' '), everything],
    ['only reading', SCOPES, everything, true, reading.join(' '), readingTools],
    [
      'two tools of one scope',
      SCOPES,
      ['scar_list', 'scar_check'],
      false,
      'scar:read',
      ['scar_check', 'scar_list'],
    ],
    [
      'a tool of a scope that is not',
      ['scar:read'],
      ['scar_list', 'cache_set'],
      false,
      'scar:read',
      ['scar_list'],
    ],
    [
      'a tool that writes, and only reading',
      SCOPES,
      ['cache_set', 'cache_get'],
      true,
      'cache:read',
      ['cache_get'],
    ],
    ['a tool that there is not', SCOPES, ['scar_list', 'drop_all'], false, 'scar:read', ['scar_list']],
    [
      'all of one scope',
      ['scar:read'],
      everything,
      false,
      'scar:read',
      namesOf((scope) => scope === 'scar:read' || scope === 'any'),
    ],
  ];
  test.each(cases)('%s', async (_name, scopes, tools, readOnly, scope, names) => {
    const at = await atConsent();
    const tokens = await tokensAfter(at, await allow(at, scopes, tools, readOnly));
    expect(tokens.scope).toBe(scope);
    expect((await listed(tokens.access_token)).sort()).toEqual([...names].sort());
  });

  test.each([
    ['no tool', SCOPES, []],
    ['no scope', [], ['scar_list']],
    ['no tool of the scopes', ['scar:read'], ['cache_get']],
  ] as const)('%s: the page asks to tick something', async (_name, scopes, tools) => {
    const page = await allow(await atConsent(), scopes, tools);
    expect([page.status, page.goesTo]).toEqual([400, undefined]);
    expect(page.text).toContain('Tick at least one thing');
  });
});

describe('a grant that is held to single tools', () => {
  async function held(...tools: string[]) {
    const at = await atConsent();
    return { ...at, tokens: await tokensAfter(at, await allow(at, SCOPES, tools)) };
  }

  test('is refused others everywhere: calls, plain HTTP, resources, their notifications, prompts, completion', async () => {
    const { tokens } = await held('scar_list', 'scar_lookup');
    const token = tokens.access_token;
    expect((await jsonOf(await postMcp(token, callTool('scar_list')))).result.isError).toBeUndefined();
    const call = await postMcp(token, callTool('scar_check', { tool: 'bash', action: 'ls' }));
    expect(call.status).toBe(403);
    const { message } = (await jsonOf(call)).error;
    expect(message).toContain('may not use scar_check');
    expect(message).toContain('connect this server anew');
    const plain = await send('/v1/tools/scar_check', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{}',
    });
    expect([plain.status, (await jsonOf(plain)).code]).toEqual([403, 'tool_not_allowed']);
    for (const method of ['resources/list', 'resources/read', 'resources/subscribe']) {
      const answer = await jsonOf(await postMcp(token, rpc(method, { uri: 'blackboard://default/a' })));
      expect([method, answer.error === undefined]).toEqual([method, false]);
    }
    expect(
      (await jsonOf(await postMcp(token, rpc('resources/templates/list')))).result.resourceTemplates,
    ).toEqual([]);
    const { body, headers } = modern('subscriptions/listen', {
      notifications: { resourcesListChanged: true },
    });
    expect((await postMcp(token, body, headers)).status).toBe(403);
    const { prompts } = (await jsonOf(await postMcp(token, rpc('prompts/list')))).result;
    const allPrompts = (
      await jsonOf(
        await postMcp((await held(...namesOf(() => true))).tokens.access_token, rpc('prompts/list')),
      )
    ).result.prompts;
    expect(prompts.length).toBeLessThan(allPrompts.length);
    const missing = allPrompts.find(
      ({ name }: { name: string }) => !prompts.some((one: { name: string }) => one.name === name),
    );
    const get = await jsonOf(await postMcp(token, rpc('prompts/get', { name: missing.name, arguments: {} })));
    expect(get.error).toBeDefined();
    const complete = {
      ref: { type: 'ref/resource', uri: 'blackboard://{run_id}/{+key}' },
      argument: { name: 'run_id', value: '' },
    };
    const completed = await jsonOf(await postMcp(token, rpc('completion/complete', complete)));
    expect(completed.result?.completion?.values ?? []).toEqual([]);
  });

  test('stays so when it is refreshed, and the operator sees it', async () => {
    const { tenant, client, tokens } = await held('scar_list');
    const refreshed = await tokensOf(await client.refresh(tokens.refresh_token));
    expect(await listed(refreshed.access_token)).toEqual(['scar_list']);
    const { grants } = await operate('GET', `/tenants/${tenant}/grants`);
    expect(grants).toEqual([expect.objectContaining({ scopes: ['scar:read'], tools: ['scar_list'] })]);
  });

  test('and one that is not, whose page had no such boxes, has all tools of its scopes', async () => {
    const at = await atConsent();
    const tokens = await tokensAfter(at, await at.browser.allow(at.page, ['scar:read']));
    expect(await listed(tokens.access_token)).toEqual(
      namesOf((scope) => scope === 'scar:read' || scope === 'any'),
    );
    expect((await operate('GET', `/tenants/${at.tenant}/grants`)).grants[0]).not.toHaveProperty('tools');
  });
});
