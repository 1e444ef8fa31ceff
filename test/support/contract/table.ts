/** Which client gets what by which transport in which revision: each entry of `works` is a test of its own. */

export const CHECKS = [
  'connect',
  'discover',
  'list',
  'call',
  'error',
  'limit',
  'resource',
  'prompt',
  'subscribe',
  'cancel',
] as const;
export type Check = (typeof CHECKS)[number];

export const REVISIONS = ['2026-07-28', '2025-11-25', '2024-11-05'] as const;
export type Revision = (typeof REVISIONS)[number];

/** How a client reaches the tools; of HTTP, what it is answered in. */
export const TRANSPORTS = ['stdio, local', 'stdio, bridge', 'HTTP, JSON', 'HTTP, SSE', 'HTTP+SSE'] as const;
export type Transport = (typeof TRANSPORTS)[number];

export interface Cell {
  readonly client: 'SDK v1' | 'SDK v2';
  readonly transport: Transport;
  readonly revision: Revision;
  readonly works: readonly Check[];
}

const ERAS = [
  ['SDK v2', '2026-07-28'],
  ['SDK v1', '2025-11-25'],
] as const;

export const CELLS: readonly Cell[] = [
  ...TRANSPORTS.filter((transport) => transport !== 'HTTP+SSE').flatMap((transport) =>
    ERAS.map(([client, revision]) => ({ client, transport, revision, works: CHECKS })),
  ),
  { client: 'SDK v1', transport: 'HTTP+SSE', revision: '2024-11-05', works: CHECKS },
];

/** A client that others wrote, as `test/e2e/third-party.test.ts` drives it under this name. */
export interface ThirdParty {
  readonly name: string;
  readonly client: string;
  readonly transport: Transport | 'HTTP';
  readonly revision: Revision | '2025-11-25 by the transport of 2024-11-05';
}

/** What is shown of each of them. */
export const THIRD_PARTY_CHECKS: readonly Check[] = ['list', 'call', 'error', 'limit'];

const BY_SSE = '2025-11-25 by the transport of 2024-11-05';
const OTHERS = ['mcp-remote', '@ai-sdk/mcp', 'addMcpServer of agents'] as const;

export const THIRD_PARTIES: readonly ThirdParty[] = [
  {
    name: 'Inspector CLI, legacy',
    client: 'Inspector CLI, legacy',
    transport: 'HTTP',
    revision: '2025-11-25',
  },
  { name: 'Inspector CLI, auto', client: 'Inspector CLI, auto', transport: 'HTTP', revision: '2026-07-28' },
  {
    name: 'Inspector CLI, modern',
    client: 'Inspector CLI, modern',
    transport: 'HTTP',
    revision: '2026-07-28',
  },
  ...OTHERS.flatMap((client): ThirdParty[] => [
    { name: `${client}, auto`, client, transport: 'HTTP', revision: '2026-07-28' },
    { name: `${client}, legacy`, client, transport: 'HTTP', revision: '2025-11-25' },
    { name: `${client}, HTTP+SSE`, client, transport: 'HTTP+SSE', revision: BY_SSE },
  ]),
];

const COLUMNS: readonly Check[] = CHECKS.filter((check) => check !== 'connect' && check !== 'discover');

/** The lines of the table in `docs/clients.md`. */
export function tableLines(): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const ticks = (works: readonly Check[]) => COLUMNS.map((check) => (works.includes(check) ? '✓' : '–'));
  return [
    line(['client', 'transport', 'revision', ...COLUMNS]),
    `|${'---|'.repeat(COLUMNS.length + 3)}`,
    ...CELLS.map(({ client, transport, revision, works }) =>
      line([client, transport, revision, ...ticks(works)]),
    ),
    ...THIRD_PARTIES.map(({ client, transport, revision }) =>
      line([client, transport, revision, ...ticks(THIRD_PARTY_CHECKS)]),
    ),
  ];
}
