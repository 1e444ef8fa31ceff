import { escapeSeparators } from '../json/json-line.ts';
import {
  AdminClient,
  type CompactAnswer,
  type StorageAnswer,
  type TenantAnswer,
  type TokenAnswer,
} from './admin-client.ts';
import { AdminRequests } from './admin-requests.ts';
import { ApprovalsClient } from './approvals-client.ts';
import { type ApprovalCommand, isApprovalCommand } from './approvals-command.ts';
import { ConnectionsClient } from './connections-client.ts';
import { type ConnectionCommand, isConnectionCommand } from './connections-command.ts';
import { MemberClient } from './member-client.ts';
import { isMemberCommand, type MemberCommand } from './member-command.ts';
import { isRecordCommand, type RecordCommand } from './records-command.ts';
import { adminKey, serverAddress } from './server-address.ts';
import { actionsOf, actionsOutput } from './tenant-actions.ts';
import { performForApprovals } from './tenant-approvals.ts';
import { actingAs, parseTenantCommand, type TenantCommand } from './tenant-command.ts';
import { performForConnections } from './tenant-connections.ts';
import { tenantHelp } from './tenant-help.ts';
import { printList, stdoutWriter } from './tenant-list.ts';
import { performForMembers } from './tenant-members.ts';
import type { Output } from './tenant-output.ts';
import { usageOf, usageOutput } from './tenant-usage.ts';
import { CliError, humanBytes, printable, run, table, usageError } from './terminal.ts';

type AdminCommand = Exclude<
  TenantCommand,
  | MemberCommand
  | RecordCommand
  | ConnectionCommand
  | ApprovalCommand
  | { name: 'help' | 'list' | 'verify files' }
>;

async function perform(admin: AdminRequests, client: AdminClient, command: AdminCommand): Promise<Output> {
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
    case 'storage':
      return storageOutput(await client.storage(command.id));
    case 'compact':
      return compactOutput(await client.compact(command.id));
    case 'usage':
      return usageOutput(await usageOf(admin, command), command.csv);
    case 'actions':
      return actionsOutput(await actionsOf(admin, command.limit));
    case 'delete':
      return {
        document: await client.delete(command.id),
        text: `Tenant ${command.id} and all of its data are erased.`,
      };
    case 'token':
      return tokenOutput(client, command);
    case 'tokens':
      return tokensOutput(await client.tokens(command.id));
    case 'scopes':
      return tokensOutput({
        tokens: [await client.changeScopes(command.id, command.tokenId, command.change)],
      });
    case 'revoke': {
      const token = await client.revokeToken(command.id, command.tokenId);
      return {
        document: token,
        text: `Token ${printable(token.token_id)} is refused from now on.`,
      };
    }
  }
}

function storageLine({ bytes, quota_bytes, own_quota }: TenantAnswer['storage']): string {
  return `${humanBytes(bytes)} of ${humanBytes(quota_bytes)}${own_quota ? " (the tenant's own quota)" : ''}`;
}

const callsLine = ({ used, quota, resets_at }: TenantAnswer['calls']['day']) =>
  quota === null ? String(used) : `${used} of ${quota}, until ${resets_at}`;

function storageOutput(answer: StorageAnswer): Output {
  const facts = [
    ['tenant', answer.id],
    ['storage', storageLine(answer.storage)],
    ['database', humanBytes(answer.database_bytes)],
    ...(answer.free_bytes === undefined ? [] : [['free pages', humanBytes(answer.free_bytes)]]),
  ];
  const rows = (kinds: StorageAnswer['data']) =>
    Object.entries(kinds).map(([name, { rows, bytes }]) => [
      name,
      rows === undefined ? '' : String(rows),
      humanBytes(bytes),
    ]);
  const data = table([['DATA', 'ROWS', 'SIZE'], ...rows(answer.data)]);
  const bookkeeping = table([['OUTSIDE THE QUOTA', 'ROWS', 'SIZE'], ...rows(answer.bookkeeping)]);
  return { document: answer, text: `${table(facts)}\n\n${data}\n\n${bookkeeping}` };
}

function compactOutput(answer: CompactAnswer): Output {
  const { dropped, freed_bytes, more } = answer;
  const done = `${counted(dropped.history, 'old version')} and ${counted(dropped.expired, 'expired row')} were deleted, ${humanBytes(freed_bytes)} freed.`;
  return { document: answer, text: more ? `${done} There is more: repeat the command.` : done };
}

function tenantOutput(tenant: TenantAnswer): Output {
  const { limits, storage, calls, clients } = tenant;
  const buckets = [
    ['tenant', limits.tenant] as const,
    ['every tool', limits.tool] as const,
    ...Object.entries(limits.tools),
  ];
  const facts = [
    ['tenant', tenant.id],
    ['status', tenant.status],
    ['created', tenant.created_at],
    ['storage', storageLine(storage)],
    ['calls today', callsLine(calls.day)],
    ['this month', callsLine(calls.month)],
    ['clients', `${counted(clients.sessions, 'session')}, ${counted(clients.open_streams, 'open stream')}`],
  ];
  const rows = buckets.map(([name, { rate, burst }]) => [name, String(rate), String(burst)]);
  return {
    document: tenant,
    text: `${table(facts)}\n\n${table([['LIMIT', 'CALLS/S', 'BURST'], ...rows])}`,
  };
}

const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;

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
    text: `${facts}\n\nThis is the only time that the token is shown. It is not stored anywhere.\n${printable(issued.token)}`,
  };
}

function tokensOutput(answer: { tokens: TokenAnswer[] }): Output {
  const rows = answer.tokens.map((token) => [
    token.token_id,
    token.label,
    stateOf(token),
    token.expires_at,
    token.last_used === null ? 'never' : (token.last_used?.at ?? ''),
    token.last_used?.client ?? '',
    usesOf(token),
    [...token.scopes, ...(token.tools === undefined ? [] : [`(only ${token.tools.join(', ')})`])].join(' '),
  ]);
  return {
    document: answer,
    text:
      rows.length === 0
        ? 'There are no tokens. Issue one with `token ID`.'
        : table([
            ['TOKEN ID', 'LABEL', 'STATE', 'EXPIRES', 'LAST USED', 'BY CLIENT', 'CALLS', 'SCOPES'],
            ...rows,
          ]),
  };
}

function usesOf({ last_used: used }: TokenAnswer): string {
  if (used === undefined || used === null) return '';
  return used.refused === 0 ? String(used.calls) : `${used.calls} (+${used.refused} refused)`;
}

function stateOf(token: TokenAnswer): string {
  if (token.revoked_at !== null) return 'revoked';
  return Date.parse(token.expires_at) <= Date.now() ? 'expired' : 'active';
}

/** What the commands on records need. Only they load it: it is a fifth of what a command loads. */
async function recordsModules() {
  const [client, output] = await Promise.all([import('./records-client.ts'), import('./tenant-records.ts')]);
  return { ...client, ...output };
}

async function outputOf(
  admin: AdminRequests,
  command: AdminCommand | MemberCommand | RecordCommand | ConnectionCommand | ApprovalCommand,
): Promise<Output> {
  if (isMemberCommand(command)) return performForMembers(new MemberClient(admin), command);
  if (isApprovalCommand(command)) return performForApprovals(new ApprovalsClient(admin), command);
  if (isConnectionCommand(command)) return performForConnections(new ConnectionsClient(admin), command);
  if (!isRecordCommand(command)) return perform(admin, new AdminClient(admin), command);
  const { painter, performForRecords, RecordsClient } = await recordsModules();
  const paint = painter(process.stdout.isTTY, process.env);
  return performForRecords(new RecordsClient(admin), command, paint);
}

/** With `--json`, stdout always has exactly one JSON document, also for a failure. */
async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  const json = argv.includes('--json');
  const print = (document: object) => console.log(escapeSeparators(JSON.stringify(document, null, 2)));
  const printOutput = (output: Output) => {
    if (json) print(output.document);
    else console.log(output.text);
    if (output.isBad === true) process.exitCode = 1;
  };
  let brokenOff: CliError | undefined;
  try {
    const command = parseTenantCommand(argv);
    if (command === undefined) throw usageError(tenantHelp());
    if (command.name === 'help') {
      console.log(tenantHelp(command.of));
      return;
    }
    if (command.name === 'verify files') {
      const { headSigner, verifiedFilesOutput, verifyFiles } = await import('./verify-files.ts');
      const output = verifiedFilesOutput(await verifyFiles(command.files, headSigner(process.env)));
      printOutput(output);
      return;
    }
    if (isApprovalCommand(command) && command.data !== undefined) {
      const { localApprovals } = await import('./local-approvals.ts');
      const output = await performForApprovals(localApprovals(command.data, actingAs(argv)), command);
      printOutput(output);
      return;
    }
    const server = serverAddress(process.cwd(), process.env);
    const admin = new AdminRequests(server, adminKey(process.env), actingAs(argv));
    if (command.name === 'list') {
      brokenOff = await printList(new AdminClient(admin), command.query, json, stdoutWriter());
    } else if (command.name === 'calls' && command.follow) {
      const { painter, RecordsClient } = await recordsModules();
      const { followCalls } = await import('./records-follow.ts');
      const paint = painter(process.stdout.isTTY, process.env);
      await followCalls(new RecordsClient(admin), command, { json, paint, write: stdoutWriter() });
    } else {
      printOutput(await outputOf(admin, command));
    }
  } catch (error) {
    if (json && error instanceof CliError) {
      print({ error: { code: error.code, message: error.message } });
    }
    throw error;
  }
  if (brokenOff !== undefined) throw brokenOff;
}

await run(main);
