import { RECORDS_SCOPE, SCOPES } from '../tools/families.ts';

export const COMMAND_NAMES = [
  'create',
  'list',
  'actions',
  'show',
  'suspend',
  'resume',
  'delete',
  'token',
  'tokens',
  'scopes',
  'revoke',
  'limits',
  'storage',
  'compact',
  'usage',
  'member add',
  'member key',
  'member remove',
  'members',
  'grants',
  'client add',
  'connection set',
  'connection list',
  'connection test',
  'connection rotate',
  'connection remove',
  'connection rewrap',
  'policy',
  'approvals',
  'calls',
  'runs',
  'trace',
  'explain',
  'export',
  'verify',
] as const;
export type CommandName = (typeof COMMAND_NAMES)[number];

interface Help {
  /** The arguments and options, as the usage line shows them. */
  readonly usage: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Further lines, for the help of this command only. */
  readonly details?: readonly string[];
}

const SCOPE_DETAILS = [
  'SCOPE is one or more of the following, comma-separated or repeated:',
  `  ${SCOPES.join(' ')}`,
  `  ${RECORDS_SCOPE}, which shows what every agent of the tenant did, and is given only if it is named`,
];

const TIME_DETAILS = [
  'TIME is an age such as 15m, a time of today in UTC such as 14:00, or a time such as 2026-11-26T14:00Z.',
];

const HELP: Readonly<Record<CommandName, Help>> = {
  create: {
    usage: 'ID',
    summary: 'create a tenant',
    details: ['ID has 1 to 63 characters: lower-case letters, digits and -, and does not begin with -.'],
  },
  list: {
    usage: '[--prefix TEXT] [--status STATUS] [--limit COUNT | --all]',
    summary: 'list tenants by id',
    details: [
      'TEXT is the first characters of the id. STATUS is active or suspended.',
      'Without --limit the first 10000 are listed. --all lists all of them, page by page as they arrive.',
    ],
  },
  actions: {
    usage: '[--limit COUNT]',
    summary: 'show what was done with the admin key, to all tenants',
    details: [
      'The newest 50 of the last 5000 are shown, the newest last; --limit COUNT shows more. With --json the newest comes first.',
    ],
  },
  show: { usage: 'ID', summary: 'show status, limits, storage and connected clients' },
  suspend: { usage: 'ID', summary: 'refuse every call of the tenant' },
  resume: { usage: 'ID', summary: 'serve a suspended tenant again' },
  delete: {
    usage: 'ID --yes',
    summary: 'erase the tenant and all of its data',
    details: ['Without --yes nothing is deleted. A deletion cannot be undone.'],
  },
  token: {
    usage: 'ID [--scope SCOPE] [--tool NAME] [--read-only] [--ttl TIME] [--label TEXT]',
    summary: 'issue a token, which is shown only once',
    details: [
      ...SCOPE_DETAILS,
      'Without --scope the token has all others; --read-only leaves out those that write.',
      '--tool holds the token to the named tools, comma-separated or repeated.',
      'TIME is a whole number and a unit: 90s, 15m, 12h or 30d. Without --ttl it is 30d.',
      'TEXT is shown by `tokens`, so that you recognize the token.',
    ],
  },
  tokens: { usage: 'ID', summary: 'list the tokens of the tenant' },
  scopes: {
    usage: 'ID TOKEN_ID [--add SCOPE] [--remove SCOPE]',
    summary: 'change the scopes of a token, from its next call on',
    details: [...SCOPE_DETAILS, '`tokens ID` shows the ids and the scopes of all tokens.'],
  },
  revoke: { usage: 'ID TOKEN_ID', summary: 'refuse a token from its next call on' },
  limits: {
    usage: 'ID [--tool NAME|"*"] (--set rate=50 burst=200 | --unset)',
    summary: 'change the rate limits, the storage quota or the quotas of calls',
    details: [
      'rate is tokens per second, burst the tokens that a full bucket holds; what is not set stays the same.',
      "Without --tool this changes the tenant's own limit. --tool NAME changes the limit of one tool,",
      '--tool "*" that of every tool without a limit of its own.',
      '--set storage=200MB sets the storage quota of the tenant (from 1MiB to 10GB), --unset storage removes it.',
      '--set calls_per_day=1000 calls_per_month=20000 are quotas of calls, by UTC days and months; --unset calls_per_day removes one.',
      '--unset removes the limit, so that the more general one applies again.',
    ],
  },
  storage: { usage: 'ID', summary: 'show what takes the room of the storage' },
  compact: {
    usage: 'ID',
    summary: 'delete old versions and expired entries, so that there is room',
    details: [
      'Cells, failures and cached answers stay. Old versions of cells can no longer be read afterwards.',
    ],
  },
  usage: {
    usage: 'ID [--by day|month|tool|token|client] [--since TIME] [--until TIME] [--csv]',
    summary: 'show calls, refusals, bytes, tokens charged and money saved',
    details: [
      'TIME is a date (2026-11-26), a date and time (2026-11-26T14:00:00Z) or a time ago (12h, 7d), in UTC; --until is not included.',
      'Without --since it is the last 30 days; by month, all that there is. Days, months and tokens are counted in whole days and',
      'kept for 400 of them; tools and clients come from the records, which are kept for 30 days. --csv is for spreadsheets.',
    ],
  },
  'member add': {
    usage: 'ID --name NAME [--email ADDRESS | --sub SUBJECT] [--scope SCOPE] [--ttl TIME]',
    summary: 'let a person sign in; the sign-in key is shown only once',
    details: [
      ...SCOPE_DETAILS,
      'Without --scope the member may allow all others.',
      'ADDRESS or SUBJECT is how the OpenID provider (OIDC_ISSUER) knows the member, who then needs no key.',
      'TIME is a whole number and a unit: 90s, 15m, 12h or 30d. Without --ttl the membership does not end by itself.',
    ],
  },
  'member key': { usage: 'ID MEMBER_ID', summary: 'make a new sign-in key; the old one is refused' },
  'member remove': {
    usage: 'ID MEMBER_ID [--keep-tokens]',
    summary: 'refuse the member, and every client and token that the member has allowed or issued',
    details: [
      'Calls that the member has approved and that did not run wait for another person. With --keep-tokens the tokens stay that the',
      'member has issued; they are listed, and `revoke ID TOKEN_ID` ends one.',
    ],
  },
  members: { usage: 'ID', summary: 'list the members of the tenant' },
  grants: {
    usage: 'ID',
    summary: 'list the clients that members have allowed',
    details: ['`revoke ID TOKEN_ID` ends one.'],
  },
  'client add': {
    usage: '--name NAME --redirect URI [--secret]',
    summary: 'register a client that cannot register itself',
    details: [
      'NAME is what members are shown. URI is where the client receives the answer; repeat --redirect for more.',
      'With --secret the client has a secret, which is shown only once. Nothing is stored: a client is valid',
      'as long as the signing key that it was registered under.',
    ],
  },
  'connection set': {
    usage:
      'ID NAME --kind http --url URL --header HEADER [--allow-internal] [--secret-file FILE | --secret-env VARIABLE], or with --oauth GRANT --token-url URL --client-id ID for --header HEADER, or ID NAME --kind postgres --database DATABASE',
    summary: 'let tools reach a system of the tenant',
    details: [
      'Requests go below URL, which begins with https://, with the secret as the value of HEADER.',
      'The secret is asked for, or read from the standard input, from FILE or from VARIABLE. It is stored encrypted.',
      '--oauth client_credentials or refresh_token gets access tokens from --token-url instead. --client-auth is client_secret_basic,',
      'client_secret_post, private_key_jwt or none; --scope, --resource, --audience and --key-id are sent as they are.',
      'The secret is then that of the client, or its private key; --refresh-token-file or --refresh-token-env names the refresh token.',
      '--allow-internal allows an address that is not public.',
      '--kind postgres gives tools the rows of this tenant in a database that all tenants share, which DATABASES declares.',
    ],
  },
  'connection list': { usage: 'ID', summary: 'list the connections of the tenant' },
  'connection test': {
    usage: 'ID NAME',
    summary: 'send a request through a connection, or check its database',
  },
  'connection rotate': {
    usage:
      'ID NAME [--secret-file FILE | --secret-env VARIABLE] [--refresh-token-file FILE | --refresh-token-env VARIABLE]',
    summary: 'replace the secret of a connection, or its refresh token',
  },
  'connection remove': { usage: 'ID NAME', summary: 'remove a connection and its secret' },
  'connection rewrap': {
    usage: 'ID',
    summary: 'encrypt all secrets with the first key of CONNECTION_KEYS',
  },
  policy: {
    usage: 'ID [--tool NAME | --destructive] [--approval | --no-approval | --unset] [--data DIR]',
    summary: 'show or set which calls a person must approve',
    details: [
      '--tool names a tool, or several, comma-separated or repeated; --destructive means every tool whose',
      'annotations say that it may destroy something. --unset removes the setting of a tool.',
      '--data DIR is the data of a local server (stdio), whose tenant is called local.',
    ],
  },
  approvals: {
    usage:
      'ID [list | show APPROVAL_ID | approve APPROVAL_ID [--standing] | refuse APPROVAL_ID --reason TEXT]',
    summary: 'list, show and decide the calls that wait for approval',
    details: [
      'show has the call in full, and what it would do: it is tried and undone.',
      '--standing approves later calls of the same token to the same tool in the same run as well, for 8 hours.',
      'refuse also takes back an approval that was not used, and one that stands. The agent is told TEXT.',
      '--data DIR is the data of a local server (stdio), whose tenant is called local.',
    ],
  },
  calls: {
    usage: 'ID [--since TIME] [--until TIME] [--outcome OUTCOME] [--tool NAME] [--key KEY] [--follow] ...',
    summary: 'show what was called and refused, and how it ended',
    details: [
      ...TIME_DETAILS,
      'OUTCOME is ok, bad, answer, error, refused or started; bad is all that went wrong, conflicts included.',
      '--key KEY shows who read or changed a cell. --token and --client show one caller, --code CODE one reason,',
      '--run RUN one run. --internal shows as well what transports do for their clients, such as opening sessions.',
      '--follow goes on with each call when it has ended; with --json it prints one call a line.',
      'The newest 50 are shown, the newest last; --limit COUNT shows more. With --json the newest comes first.',
    ],
  },
  runs: {
    usage: 'ID [--since TIME] [--until TIME] [--token TOKEN_ID] [--client NAME] [--limit COUNT]',
    summary: 'list runs: what one agent did, by trace, session, or token and client',
    details: TIME_DETAILS,
  },
  trace: {
    usage: 'ID RUN_OR_TRACE [--limit COUNT]',
    summary: 'show the calls of one run in their order, with what each changed',
    details: ['RUN_OR_TRACE is the number of a run, as `calls` and `runs` show it, or a W3C trace id.'],
  },
  explain: {
    usage: 'ID CALL',
    summary: 'say in one paragraph what happened to a call, and what came next',
    details: ['CALL is the request id, the error id or the trace id that a user was given.'],
  },
  export: {
    usage: 'ID (--out FILE [--since TIME] [--until TIME] | --to-bucket)',
    summary: 'write the records to a file or to the bucket: NDJSON, gzip',
    details: [
      ...TIME_DETAILS,
      'The first line has the signed heads and the hash before the first record, so that the chain can be',
      'checked without the server: `verify --file FILE`. FILE must not exist yet.',
      '--to-bucket has the server write what the R2 bucket RECORDS lacks, as it does each night.',
    ],
  },
  verify: {
    usage: '(ID | --file FILE…)',
    summary: 'check that nobody has changed the records, or exported files of them',
    details: [
      'It exits with 1 when they are broken. --file needs no server: it checks files that `export` has written,',
      'also several that follow each other. Signatures are checked with TOKEN_KEYS of the environment or .dev.vars.',
    ],
  },
};

const FOOTER = `--json prints one JSON document; --as NAME is recorded beside what is changed. The server is the one that
\`npm start\` has started here last; BULKHEAD_URL names another one. The admin key is BULKHEAD_ADMIN_KEY, or ADMIN_KEY in
.dev.vars.`;

/** The usage line and the details of one command, or the list of all commands. */
export function tenantHelp(name?: CommandName): string {
  if (name === undefined) return overview();
  const { usage, summary, details = [] } = HELP[name];
  const line = `Usage: npm run -s tenant -- ${[name, usage].join(' ').trim()} [--json]`;
  const sentence = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
  return [line, '', sentence, ...(details.length === 0 ? [] : ['', ...details]), '', FOOTER].join('\n');
}

/** Column of the summaries. Longer usages have theirs on the next line. */
const SUMMARY_COLUMN = 24;

function overview(): string {
  const lines = COMMAND_NAMES.map((name) => {
    const { usage, summary } = HELP[name];
    const call = `  ${name} ${usage}`.trimEnd();
    return call.length < SUMMARY_COLUMN
      ? `${call.padEnd(SUMMARY_COLUMN)}${summary}`
      : `${call}\n${' '.repeat(SUMMARY_COLUMN)}${summary}`;
  });
  return [
    'Usage: npm run -s tenant -- COMMAND [--json]',
    '',
    ...lines,
    '',
    '`COMMAND --help` explains one command.',
    FOOTER,
  ].join('\n');
}
