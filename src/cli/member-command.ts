import type { ClientOptions, MemberOptions } from './member-client.ts';
import { parseScopes, parseTtl } from './tenant-values.ts';
import { usageError } from './terminal.ts';

/** A command about members, what they have granted, or clients. */
export type MemberCommand =
  | { name: 'member add'; id: string; options: MemberOptions }
  | { name: 'member key'; id: string; memberId: string }
  | { name: 'member remove'; id: string; memberId: string; keepTokens: boolean }
  | { name: 'members' | 'grants'; id: string }
  | { name: 'client add'; options: ClientOptions };

const MEMBER_COMMANDS: readonly string[] = [
  'member add',
  'member key',
  'member remove',
  'members',
  'grants',
  'client add',
] satisfies MemberCommand['name'][];

export const isMemberCommand = (command: { readonly name: string }): command is MemberCommand =>
  MEMBER_COMMANDS.includes(command.name);

/** The options of the command line that these commands take. */
interface MemberTexts {
  readonly name?: string;
  readonly email?: string;
  readonly sub?: string;
  readonly scope?: readonly string[];
  readonly ttl?: string;
  readonly redirect?: readonly string[];
  readonly secret?: boolean;
}

export function memberOptions({ name, email, sub, scope, ttl }: MemberTexts): MemberOptions {
  if (name === undefined) throw usageError('--name is missing. Write member add ID --name NAME.');
  if (email !== undefined && sub !== undefined)
    throw usageError('member add takes --email or --sub, not both. Leave one of them out.');
  return {
    name,
    email,
    sub,
    scopes: scope === undefined ? undefined : parseScopes(scope, 'scope'),
    ttl_s: ttl === undefined ? undefined : parseTtl(ttl),
  };
}

export function clientOptions({ name, redirect = [], secret }: MemberTexts): ClientOptions {
  if (name === undefined || redirect.length === 0)
    throw usageError('client add needs --name NAME and --redirect URI.');
  return { name, redirect_uris: redirect, secret: secret === true };
}
