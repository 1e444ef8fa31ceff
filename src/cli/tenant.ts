import { AdminClient, adminKey, serverUrl, type TenantAnswer, type TokenAnswer } from './admin-client.ts';
import { parseTenantCommand, type TenantCommand, USAGE } from './tenant-command.ts';
import { CliError, humanBytes, printable, run, table } from './terminal.ts';

/** What a command answers: the document for programs, the text for people. */
interface Output {
  readonly document: object;
  readonly text: string;
}

async function perform(client: AdminClient, command: TenantCommand): Promise<Output> {
  switch (command.name) {
    case 'create':
      return tenantOutput(await client.create(command.id));
    case 'show':
      return tenantOutput(await client.show(command.id));
    case 'suspend':
      return tenantOutput(await client.suspend(command.id));
    case 'resume':
      return tenantOutput(await client.resume(command.id));
    case 'limits':
      return tenantOutput(await client.setLimits(command.id, command.change));
    case 'list':
      return listOutput(client);
    case 'delete':
      return {
        document: await client.delete(command.id),
        text: `Tenant ${command.id} and all that it stored is erased.`,
      };
    case 'token':
      return tokenOutput(client, command);
    case 'tokens':
      return tokensOutput(await client.tokens(command.id));
    case 'revoke': {
      const token = await client.revokeToken(command.id, command.tokenId);
      return {
        document: token,
        text: `Token ${printable(token.token_id)} is refused from now on.`,
      };
    }
  }
}

function tenantOutput(tenant: TenantAnswer): Output {
  const { limits, storage } = tenant;
  const buckets = [
    ['tenant', limits.tenant] as const,
    ['every tool', limits.tool] as const,
    ...Object.entries(limits.tools),
  ];
  const facts = [
    ['tenant', tenant.id],
    ['status', tenant.status],
    ['created', tenant.created_at],
    ['storage', `${humanBytes(storage.bytes)} of ${humanBytes(storage.quota_bytes)}`],
  ];
  const rows = buckets.map(([name, { rate, burst }]) => [name, String(rate), String(burst)]);
  return {
    document: tenant,
    text: `${table(facts)}\n\n${table([['LIMIT', 'CALLS/S', 'BURST'], ...rows])}`,
  };
}

async function listOutput(client: AdminClient): Promise<Output> {
  const page = await client.list();
  const rows = page.tenants.map((tenant) => [tenant.id, tenant.status, tenant.created_at]);
  const more = page.next_cursor === undefined ? '' : '\nThere are more tenants than are listed here.';
  return {
    document: page,
    text:
      rows.length === 0
        ? 'There are no tenants; make one with `create ID`.'
        : table([['TENANT', 'STATUS', 'CREATED'], ...rows]) + more,
  };
}

async function tokenOutput(
  client: AdminClient,
  command: Extract<TenantCommand, { name: 'token' }>,
): Promise<Output> {
  const issued = await client.issueToken(command.id, command.options);
  const facts = table([
    ['tenant', issued.tenant],
    ['token id', issued.token_id],
    ['scopes', issued.scopes.join(' ')],
    ['expires', issued.expires_at],
    ['url', issued.url],
  ]);
  return {
    document: issued,
    text: `${facts}\n\nThe token is shown this once and kept nowhere:\n${printable(issued.token)}`,
  };
}

function tokensOutput(answer: { tokens: TokenAnswer[] }): Output {
  const rows = answer.tokens.map((token) => [
    token.token_id,
    token.label,
    stateOf(token),
    token.expires_at,
    token.scopes.join(' '),
  ]);
  return {
    document: answer,
    text:
      rows.length === 0
        ? 'There are no tokens; issue one with `token ID`.'
        : table([['TOKEN ID', 'LABEL', 'STATE', 'EXPIRES', 'SCOPES'], ...rows]),
  };
}

function stateOf(token: TokenAnswer): string {
  if (token.revoked_at !== null) return 'revoked';
  return Date.parse(token.expires_at) <= Date.now() ? 'expired' : 'live';
}

/** With `--json` a failure is a JSON document as well, so that stdout always holds exactly one. */
async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  const json = argv.includes('--json');
  const print = (document: object) => console.log(JSON.stringify(document, null, 2));
  try {
    const command = parseTenantCommand(argv);
    if (command === undefined) throw new CliError('usage', USAGE);
    const output = await perform(new AdminClient(serverUrl(), adminKey()), command);
    if (json) print(output.document);
    else console.log(output.text);
  } catch (error) {
    if (json && error instanceof CliError) {
      print({ error: { code: error.code, message: error.message } });
    }
    throw error;
  }
}

await run(main);
