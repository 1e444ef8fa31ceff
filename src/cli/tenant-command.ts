import { parseArgs } from 'node:util';
import { TENANT_ID } from '../tenant/contract/call.ts';
import { SCOPES, type Scope } from '../tools/tool.ts';
import type { LimitChange, TokenOptions } from './admin-client.ts';
import { usageError } from './terminal.ts';

export const USAGE = `Usage: npm run -s tenant -- <command> [--json]

  create ID                     make a tenant
  list                          all tenants
  show ID                       status, limits and storage
  suspend ID | resume ID        refuse every call, or serve again
  delete ID --yes               erase the tenant and all that it stored
  token ID                      issue a token, which is shown once
    [--scope FAMILY:read|write]   repeatable or comma-separated; all scopes without it
    [--ttl 30d] [--label TEXT]    seconds (s), minutes (m), hours (h) or days (d)
  tokens ID                     the tenant's tokens
  revoke ID TOKEN_ID            refuse a token from now on
  limits ID --set rate=50 burst=200
    [--tool NAME|'*']             calls a second, and calls; without --tool the tenant's own bucket

  --json prints one JSON document. BULKHEAD_URL names the server (http://127.0.0.1:8787),
  BULKHEAD_ADMIN_KEY the key of the operator (else ADMIN_KEY in .dev.vars).`;

/** A command line, understood. */
export type TenantCommand =
  | { name: 'create' | 'show' | 'suspend' | 'resume' | 'delete' | 'tokens'; id: string }
  | { name: 'list' }
  | { name: 'token'; id: string; options: TokenOptions }
  | { name: 'revoke'; id: string; tokenId: string }
  | { name: 'limits'; id: string; change: LimitChange };

type OptionName = 'yes' | 'scope' | 'ttl' | 'label' | 'tool' | 'set';
interface Shape {
  readonly positionals: readonly string[];
  readonly options: readonly OptionName[];
}
const ONE_TENANT: Shape = { positionals: ['ID'], options: [] };
const COMMANDS: Readonly<Record<TenantCommand['name'], Shape>> = {
  create: ONE_TENANT,
  list: { positionals: [], options: [] },
  show: ONE_TENANT,
  suspend: ONE_TENANT,
  resume: ONE_TENANT,
  delete: { positionals: ['ID'], options: ['yes'] },
  token: { positionals: ['ID'], options: ['scope', 'ttl', 'label'] },
  tokens: ONE_TENANT,
  revoke: { positionals: ['ID', 'TOKEN_ID'], options: [] },
  limits: { positionals: ['ID'], options: ['tool', 'set'] },
};

const isCommand = (text: string): text is TenantCommand['name'] => Object.hasOwn(COMMANDS, text);

function split(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        yes: { type: 'boolean' },
        scope: { type: 'string', multiple: true },
        ttl: { type: 'string' },
        label: { type: 'string' },
        tool: { type: 'string' },
        set: { type: 'string', multiple: true },
      },
    });
  } catch (error) {
    const [sentence] = error instanceof Error ? error.message.split(/\.\s|\n/) : [];
    throw usageError(`${sentence ?? 'The options could not be read'}.`);
  }
}

/**
 * Understands a command line, without the name of the program.
 * @returns undefined when it asks for nothing
 * @throws CliError with the code `usage`
 */
export function parseTenantCommand(argv: readonly string[]): TenantCommand | undefined {
  const { values, positionals } = split(argv);
  const [name, ...words] = positionals;
  if (name === undefined) return undefined;
  if (!isCommand(name)) {
    throw usageError(`There is no command ${name}; it is one of ${Object.keys(COMMANDS).join(', ')}.`);
  }
  const { json: _, ...given } = values;
  const shape = COMMANDS[name];
  const stray = Object.keys(given).find((option) => !shape.options.some((known) => known === option));
  if (stray !== undefined) throw usageError(`${name} takes no --${stray}.`);
  const assignments = name === 'limits' ? words.filter((word) => word.includes('=')) : [];
  const [id = '', second = ''] = requirePositionals(
    name,
    words.filter((word) => !assignments.includes(word)),
  );
  switch (name) {
    case 'list':
      return { name };
    case 'token':
      return { name, id, options: tokenOptions(given) };
    case 'revoke':
      return { name, id, tokenId: second };
    case 'limits':
      return {
        name,
        id,
        change: { tool: given.tool, ...parseAssignments([...(given.set ?? []), ...assignments]) },
      };
    case 'delete':
      if (given.yes !== true) {
        throw usageError(`Deleting erases all that ${id} stored, for good: repeat it with --yes.`);
      }
      return { name, id };
    default:
      return { name, id };
  }
}

function requirePositionals(name: TenantCommand['name'], words: readonly string[]): readonly string[] {
  const wanted = COMMANDS[name].positionals;
  const missing = wanted[words.length];
  if (missing !== undefined) throw usageError(`${name} needs ${wanted.join(' ')}: ${missing} is missing.`);
  const surplus = words[wanted.length];
  if (surplus !== undefined) {
    const hint = name === 'limits' ? " (quote the star: --tool '*')" : '';
    throw usageError(`${[name, ...wanted].join(' ')} takes nothing more, such as ${surplus}${hint}.`);
  }
  const [id] = words;
  if (id !== undefined && !TENANT_ID.test(id)) {
    throw usageError(
      'A tenant id has 1 to 63 characters: lower-case letters, digits and -, and no - at its start.',
    );
  }
  return words;
}

function tokenOptions(given: { scope?: string[]; ttl?: string; label?: string }): TokenOptions {
  return {
    scopes: given.scope === undefined ? undefined : parseScopes(given.scope),
    ttl_s: given.ttl === undefined ? undefined : parseTtl(given.ttl),
    label: given.label,
  };
}

/** Scopes from repeated, comma-separated texts, each once. */
export function parseScopes(texts: readonly string[]): Scope[] {
  const names = new Set(texts.flatMap((text) => text.split(',')).map((text) => text.trim()));
  const scopes = SCOPES.filter((scope) => names.delete(scope));
  const [unknown] = names;
  if (unknown === undefined) return scopes;
  throw usageError(
    unknown === ''
      ? `--scope must be one of ${SCOPES.join(', ')}.`
      : `There is no scope ${unknown}; it is one of ${SCOPES.join(', ')}.`,
  );
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** A time such as `90s`, `15m`, `12h` or `30d`, in seconds. */
export function parseTtl(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = Number(digits) * (UNIT_SECONDS[unit] ?? 0);
  if (seconds > 0) return seconds;
  throw usageError('--ttl must be a whole number with a unit: 90s, 15m, 12h or 30d.');
}

/** `rate=50` and `burst=200`, either or both. */
export function parseAssignments(words: readonly string[]): Pick<LimitChange, 'rate' | 'burst'> {
  const change: { rate?: number; burst?: number } = {};
  for (const word of words) {
    const [, name, digits] = /^(rate|burst)=(\d{1,9}(?:\.\d{1,3})?)$/.exec(word) ?? [];
    if ((name !== 'rate' && name !== 'burst') || (name === 'burst' && !Number.isInteger(Number(digits)))) {
      throw usageError(`--set takes rate=CALLS_A_SECOND and burst=CALLS, such as rate=50 burst=200.`);
    }
    if (change[name] !== undefined) throw usageError(`--set has ${name} twice.`);
    change[name] = Number(digits);
  }
  if (words.length === 0) throw usageError('limits needs --set, such as --set rate=50 burst=200.');
  return change;
}
