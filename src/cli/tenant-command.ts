import { parseArgs } from 'node:util';
import { TENANT_ID } from '../tenant/contract/call.ts';
import type { LimitChange, ListQuery, ScopeChange, TokenOptions } from './admin-client.ts';
import { type ApprovalCommand, approvalCommand } from './approvals-command.ts';
import {
  CONNECTION_OPTIONS,
  type ConnectionCommand,
  type ConnectionCommandName,
  connectionCommand,
  SECRET_SOURCES,
  SET_OPTIONS,
} from './connections-command.ts';
import { clientOptions, type MemberCommand, memberOptions } from './member-command.ts';
import {
  CALL_FILTERS,
  EXPORT_FILTERS,
  type RecordCommand,
  RUN_FILTERS,
  recordCommand,
  type VerifyFilesCommand,
  verifyFilesCommand,
} from './records-command.ts';
import { COMMAND_NAMES, type CommandName } from './tenant-help.ts';
import {
  parseAssignments,
  parseCount,
  parsePrefix,
  parseScopes,
  parseStatus,
  parseTtl,
  QUOTAS,
  type UsageQuery,
  usageQuery,
} from './tenant-values.ts';
import { optionProblem, usageError } from './terminal.ts';

export type UsageCommand = { name: 'usage'; id: string } & UsageQuery;

/** A parsed command line. */
export type TenantCommand =
  | { name: 'help'; of: CommandName | undefined }
  | {
      name: 'create' | 'show' | 'suspend' | 'resume' | 'delete' | 'tokens' | 'storage' | 'compact';
      id: string;
    }
  | MemberCommand
  | RecordCommand
  | ConnectionCommand
  | ApprovalCommand
  | { name: 'list'; query: ListQuery }
  | { name: 'actions'; limit: number }
  | { name: 'token'; id: string; options: TokenOptions }
  | { name: 'scopes'; id: string; tokenId: string; change: ScopeChange }
  | { name: 'revoke'; id: string; tokenId: string }
  | { name: 'limits'; id: string; change: LimitChange }
  | VerifyFilesCommand
  | UsageCommand;

const OPTIONS = {
  json: { type: 'boolean' },
  as: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  yes: { type: 'boolean' },
  scope: { type: 'string', multiple: true },
  ttl: { type: 'string' },
  label: { type: 'string' },
  add: { type: 'string', multiple: true },
  remove: { type: 'string', multiple: true },
  tool: { type: 'string', multiple: true },
  'read-only': { type: 'boolean' },
  set: { type: 'string', multiple: true },
  unset: { type: 'boolean' },
  approval: { type: 'boolean' },
  'no-approval': { type: 'boolean' },
  destructive: { type: 'boolean' },
  standing: { type: 'boolean' },
  reason: { type: 'string' },
  data: { type: 'string' },
  prefix: { type: 'string' },
  status: { type: 'string' },
  limit: { type: 'string' },
  all: { type: 'boolean' },
  name: { type: 'string' },
  redirect: { type: 'string', multiple: true },
  secret: { type: 'boolean' },
  'keep-tokens': { type: 'boolean' },
  by: { type: 'string' },
  since: { type: 'string' },
  until: { type: 'string' },
  csv: { type: 'boolean' },
  outcome: { type: 'string' },
  code: { type: 'string' },
  token: { type: 'string' },
  client: { type: 'string' },
  run: { type: 'string' },
  key: { type: 'string' },
  internal: { type: 'boolean' },
  out: { type: 'string' },
  'to-bucket': { type: 'boolean' },
  file: { type: 'string', multiple: true },
  follow: { type: 'boolean' },
  email: { type: 'string' },
  sub: { type: 'string' },
  ...CONNECTION_OPTIONS,
} as const;
type Values = ReturnType<typeof split>['values'];

interface Shape {
  readonly positionals: readonly string[];
  readonly options: readonly (keyof typeof OPTIONS)[];
  /** Further words that may follow. */
  readonly more?: number;
}
const ONE_TENANT: Shape = { positionals: ['ID'], options: [] };
const ONE_CONNECTION: Shape = { positionals: ['ID', 'NAME'], options: [] };
const SHAPES: Readonly<Record<CommandName, Shape>> = {
  create: ONE_TENANT,
  list: { positionals: [], options: ['prefix', 'status', 'limit', 'all'] },
  actions: { positionals: [], options: ['limit'] },
  show: ONE_TENANT,
  suspend: ONE_TENANT,
  resume: ONE_TENANT,
  delete: { positionals: ['ID'], options: ['yes'] },
  token: { positionals: ['ID'], options: ['scope', 'ttl', 'label', 'tool', 'read-only'] },
  tokens: ONE_TENANT,
  scopes: { positionals: ['ID', 'TOKEN_ID'], options: ['add', 'remove'] },
  revoke: { positionals: ['ID', 'TOKEN_ID'], options: [] },
  storage: ONE_TENANT,
  compact: ONE_TENANT,
  usage: { positionals: ['ID'], options: ['by', 'since', 'until', 'csv'] },
  limits: { positionals: ['ID'], options: ['tool', 'set', 'unset'] },
  'member add': { positionals: ['ID'], options: ['name', 'email', 'sub', 'scope', 'ttl'] },
  'member key': { positionals: ['ID', 'MEMBER_ID'], options: [] },
  'member remove': { positionals: ['ID', 'MEMBER_ID'], options: ['keep-tokens'] },
  members: ONE_TENANT,
  grants: ONE_TENANT,
  'client add': { positionals: [], options: ['name', 'redirect', 'secret'] },
  'connection set': { ...ONE_CONNECTION, options: SET_OPTIONS },
  'connection list': ONE_TENANT,
  'connection test': ONE_CONNECTION,
  'connection rotate': { ...ONE_CONNECTION, options: SECRET_SOURCES },
  'connection remove': ONE_CONNECTION,
  'connection rewrap': ONE_TENANT,
  policy: {
    positionals: ['ID'],
    options: ['tool', 'destructive', 'approval', 'no-approval', 'unset', 'data'],
  },
  approvals: { positionals: ['ID'], options: ['standing', 'reason', 'data'], more: 2 },
  calls: { positionals: ['ID'], options: [...CALL_FILTERS, 'tool', 'internal', 'limit', 'follow'] },
  runs: { positionals: ['ID'], options: [...RUN_FILTERS, 'limit'] },
  trace: { positionals: ['ID', 'RUN_OR_TRACE'], options: ['limit'] },
  explain: { positionals: ['ID', 'CALL'], options: [] },
  export: { positionals: ['ID'], options: [...EXPORT_FILTERS, 'out', 'to-bucket'] },
  verify: { positionals: ['ID'], options: ['file'] },
};

const isConnectionName = (name: CommandName): name is ConnectionCommandName => name.startsWith('connection ');
const isCommand = (text: string): text is CommandName => Object.hasOwn(SHAPES, text);

function split(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], allowPositionals: true, options: OPTIONS });
  } catch (error) {
    throw usageError(`${optionProblem(error)} See \`tenant --help\`.`);
  }
}

/** Who the operator says to be: every command takes `--as NAME`. @throws CliError `usage` */
export function actingAs(argv: readonly string[]): string | undefined {
  const { as } = split(argv).values;
  if (as === undefined || (as.trim() !== '' && as.length <= 64)) return as;
  throw usageError('--as must be a name of 1 to 64 characters.');
}

/** The first words of commands whose names have two. */
const TWO_WORDS = ['member', 'client', 'connection'];

function joinedName([first, second, ...words]: readonly string[]): readonly string[] {
  const isPair = first !== undefined && TWO_WORDS.includes(first) && second !== undefined;
  if (isPair) return [`${first} ${second}`, ...words];
  return [first, second, ...words].filter((word) => word !== undefined);
}

/**
 * Parses a command line, without the name of the program.
 * @returns undefined if it names no command
 * @throws CliError `usage`
 */
export function parseTenantCommand(argv: readonly string[]): TenantCommand | undefined {
  const { values, positionals } = split(argv);
  const [name, ...words] = joinedName(positionals);
  if (name !== undefined && !isCommand(name)) {
    throw usageError(`There is no command ${name}. Use one of ${COMMAND_NAMES.join(', ')}.`);
  }
  if (values.help === true) return { name: 'help', of: name };
  if (name === undefined) return undefined;
  const { json: _, as: __, ...given } = values;
  const stray = Object.keys(given).find((option) => !SHAPES[name].options.some((known) => known === option));
  if (stray !== undefined) throw usageError(`${name} takes no --${stray}. See \`tenant ${name} --help\`.`);
  if (name === 'verify' && given.file !== undefined) return verifyFilesCommand(given.file, words);
  return name === 'limits' ? limitsCommand(given, words) : commandOf(name, given, words);
}

function commandOf(
  name: Exclude<CommandName, 'limits'>,
  given: Values,
  words: readonly string[],
): TenantCommand {
  const positionals = requirePositionals(name, words);
  const [id = '', tokenId = ''] = positionals;
  if (isConnectionName(name)) return connectionCommand(name, positionals, given);
  switch (name) {
    case 'calls':
    case 'runs':
    case 'trace':
    case 'explain':
    case 'export':
    case 'verify':
      return recordCommand(name, positionals, given);
    case 'member add':
      return { name, id, options: memberOptions(given) };
    case 'member key':
      return { name, id, memberId: tokenId };
    case 'member remove':
      return { name, id, memberId: tokenId, keepTokens: given['keep-tokens'] === true };
    case 'client add':
      return { name, options: clientOptions(given) };
    case 'policy':
    case 'approvals':
      return approvalCommand(name, positionals, given);
    case 'list':
      return { name, query: listQuery(given) };
    case 'actions':
      return { name, limit: given.limit === undefined ? ACTIONS : parseCount(given.limit) };
    case 'token':
      return { name, id, options: tokenOptions(given) };
    case 'scopes':
      return { name, id, tokenId, change: scopeChange(given) };
    case 'revoke':
      return { name, id, tokenId };
    case 'usage':
      return { name, id, ...usageQuery(given) };
    case 'delete':
      if (given.yes !== true) {
        throw usageError(`This would erase all data of ${id} for good. Repeat the command with --yes.`);
      }
      return { name, id };
    default:
      return { name, id };
  }
}

/** `rate=50` and `burst=200` may follow `--set` as words of their own, and may stand before the id as well. */
function limitsCommand({ tool: tools, ...given }: Values, words: readonly string[]): TenantCommand {
  const [tool, second] = tools ?? [];
  if (second !== undefined) throw usageError('limits changes one tool at a time. Give --tool once.');
  const assignments = [...(given.set ?? []), ...words.filter((word) => word.includes('='))];
  const isQuota = (word: string) => given.unset === true && QUOTAS.some((quota) => quota === word);
  const unset = QUOTAS.filter((quota) => words.some((word) => word === quota && isQuota(word)));
  const [id = ''] = requirePositionals(
    'limits',
    words.filter((word) => !word.includes('=') && !isQuota(word)),
  );
  if (given.unset === true && assignments.length > 0) {
    throw usageError('limits takes --set or --unset, not both. Leave one of them out.');
  }
  if (given.unset !== true && assignments.length === 0) {
    throw usageError('limits needs --set or --unset, for example --set rate=50 burst=200.');
  }
  const change: LimitChange =
    given.unset === true && unset.length === 0
      ? { unset: true }
      : { ...parseAssignments(assignments), ...Object.fromEntries(unset.map((quota) => [quota, null])) };
  const ofTenant = QUOTAS.find((quota) => change[quota] !== undefined);
  if (ofTenant !== undefined && tool !== undefined)
    throw usageError(`${ofTenant} is not per tool. Leave out --tool or ${ofTenant}.`);
  return { name: 'limits', id, change: { tool, ...change } };
}

function requirePositionals(name: CommandName, words: readonly string[]): readonly string[] {
  const wanted = SHAPES[name].positionals;
  const missing = wanted[words.length];
  if (missing !== undefined) {
    throw usageError(`${missing} is missing. Write ${[name, ...wanted].join(' ')}.`);
  }
  const surplus = words[wanted.length + (SHAPES[name].more ?? 0)];
  if (surplus !== undefined) {
    const hint = name === 'limits' ? ' (quote the star: --tool "*")' : '';
    throw usageError(`${surplus} is one argument too many. Write ${[name, ...wanted].join(' ')}${hint}.`);
  }
  const [id] = words;
  if (id !== undefined && !TENANT_ID.test(id)) {
    throw usageError(
      'ID must have 1 to 63 characters: lower-case letters, digits and -, not beginning with -.',
    );
  }
  return words;
}

/** The tenants that `list` shows without `--all` and `--limit`. */
const LISTED = 10_000;

/** The actions that `actions` shows without `--limit`. */
const ACTIONS = 50;

function listQuery({ prefix, status, limit, all }: Values): ListQuery {
  if (all === true && limit !== undefined) {
    throw usageError('list takes --all or --limit, not both. Leave one of them out.');
  }
  return {
    ...(prefix !== undefined && { prefix: parsePrefix(prefix) }),
    ...(status !== undefined && { status: parseStatus(status) }),
    ...(all !== true && { limit: limit === undefined ? LISTED : parseCount(limit) }),
  };
}

function tokenOptions({ scope, ttl, label, tool, 'read-only': readOnly }: Values): TokenOptions {
  return {
    tools: tool?.flatMap((names) => names.split(',')),
    read_only: readOnly,
    scopes: scope === undefined ? undefined : parseScopes(scope, 'scope'),
    ttl_s: ttl === undefined ? undefined : parseTtl(ttl),
    label,
  };
}

function scopeChange({ add, remove }: Values): ScopeChange {
  if (add === undefined && remove === undefined) {
    throw usageError('scopes needs --add or --remove, for example --add cache:read.');
  }
  return {
    ...(add && { add: parseScopes(add, 'add') }),
    ...(remove && { remove: parseScopes(remove, 'remove') }),
  };
}
