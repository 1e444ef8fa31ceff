import type {
  ClientAnswer,
  GrantAnswer,
  KeyedAnswer,
  MemberAnswer,
  MemberClient,
  RemovedAnswer,
} from './member-client.ts';
import type { MemberCommand } from './member-command.ts';
import type { Output } from './tenant-output.ts';
import { printable, table } from './terminal.ts';

/** The commands about members, their grants, and clients. */
export async function performForMembers(client: MemberClient, command: MemberCommand): Promise<Output> {
  switch (command.name) {
    case 'member add':
      return keyOutput(await client.add(command.id, command.options));
    case 'member key':
      return keyOutput(await client.renewKey(command.id, command.memberId));
    case 'member remove':
      return removedOutput(await client.remove(command.id, command.memberId, command.keepTokens));
    case 'members':
      return membersOutput(await client.members(command.id));
    case 'grants':
      return grantsOutput(await client.grants(command.id));
    case 'client add':
      return clientOutput(await client.addClient(command.options));
  }
}

function removedOutput(removed: RemovedAnswer): Output {
  const { revoked_tokens: revoked, kept_tokens: kept } = removed;
  const name = printable(removed.name);
  const list = (tokens: RemovedAnswer['kept_tokens']) =>
    table([['TOKEN ID', 'LABEL'], ...tokens.map(({ token_id, label }) => [token_id, label])]);
  const parts = [
    `${name} cannot sign in any more, and what ${name} has allowed is refused from now on.`,
    ...(revoked.length === 0
      ? []
      : [`These tokens that ${name} issued are refused as well:\n${list(revoked)}`]),
    ...(kept.length === 0
      ? []
      : [`These tokens that ${name} issued still hold; \`revoke ID TOKEN_ID\` ends one:\n${list(kept)}`]),
  ];
  return { document: removed, text: parts.join('\n\n') };
}

function keyOutput(member: KeyedAnswer): Output {
  const facts = table([
    ['tenant', member.tenant],
    ['member id', member.member_id],
    ['name', member.name],
    ['scopes', member.scopes.join(' ')],
    ['expires', member.expires_at ?? 'never'],
    ...(accountOf(member) === '' ? [] : [['account', accountOf(member)]]),
    ['url', member.url],
  ]);
  return {
    document: member,
    text: `${facts}\n\nThe sign-in key is shown only this once. It is not stored anywhere.\n${printable(member.key)}`,
  };
}

/** How the member is known at the OpenID provider. */
const accountOf = ({ email, sub }: MemberAnswer) => email ?? (sub === null ? '' : `sub ${sub}`);

function membersOutput(answer: { members: MemberAnswer[] }): Output {
  const rows = answer.members.map((member) => [
    member.member_id,
    member.name,
    member.expires_at ?? 'never',
    accountOf(member),
    member.scopes.join(' '),
  ]);
  return {
    document: answer,
    text:
      rows.length === 0
        ? 'There are no members. Add one with `member add ID --name NAME`.'
        : table([['MEMBER ID', 'NAME', 'EXPIRES', 'ACCOUNT', 'SCOPES'], ...rows]),
  };
}

function grantsOutput(answer: { grants: GrantAnswer[] }): Output {
  const rows = answer.grants.map((grant) => [
    grant.token_id,
    grant.kind === 'console' ? 'the console' : grant.client_host,
    grant.kind === 'console' ? '' : grant.client_name,
    grant.member_id,
    grant.refreshed_at,
    grant.expires_at,
    [...grant.scopes, ...(grant.tools === undefined ? [] : [`(only ${grant.tools.join(', ')})`])].join(' '),
  ]);
  const heading = ['TOKEN ID', 'CLIENT AT', 'CALLS ITSELF', 'MEMBER ID', 'REFRESHED', 'EXPIRES', 'SCOPES'];
  return {
    document: answer,
    text: rows.length === 0 ? 'Nobody has allowed a client yet.' : table([heading, ...rows]),
  };
}

function clientOutput(client: ClientAnswer): Output {
  const facts = table([
    ['name', client.client_name],
    ...client.redirect_uris.map((uri) => ['redirect URI', uri]),
    ['client id', client.client_id],
  ]);
  const secret = client.client_secret;
  return {
    document: client,
    text:
      secret === undefined ? facts : `${facts}\n\nThe secret is shown only this once.\n${printable(secret)}`,
  };
}
