import { CallConnections } from '../../src/connections/call-connections.ts';
import type { HttpPlatform } from '../../src/connections/http/platform.ts';
import type { AccessTokens } from '../../src/connections/oauth/access-token.ts';
import { type Credential, credentialText } from '../../src/connections/oauth/credential.ts';
import { type ConnectionKey, sealSecret } from '../../src/connections/seal.ts';
import type { OAuthClient } from '../../src/tenant/contract/access-token.ts';
import type { HttpConnection } from '../../src/tools/connection.ts';
import { createdCompartment } from './compartment.ts';

export const TOKEN_URL = 'https://login.example.com/oauth/token';
export const CLIENT = {
  grant: 'client_credentials',
  tokenUrl: TOKEN_URL,
  clientId: 'bulk head',
  clientAuth: 'client_secret_basic',
} as const satisfies OAuthClient;
const KEY: ConnectionKey = { kid: 'c1', secret: new Uint8Array(32).fill(3) };
const TRACE = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parentSpanId: undefined };

/** A request for a token, as the endpoint gets it. */
export interface TokenRequest {
  readonly form: Readonly<Record<string, string>>;
  readonly authorization: string | null;
}

export interface Endpoints {
  readonly token: (request: TokenRequest, attempt: number) => Response | Promise<Response>;
  /** @param authorization the header that the service gets */
  readonly api?: (authorization: string | null) => Response;
}

export const granted = (more: object = {}) =>
  Response.json({ access_token: 'CANARY-TOKEN-1', token_type: 'Bearer', expires_in: 3600, ...more });

/** A tenant with one connection by OAuth, whose calls share the tenant's tokens, in a time of the test's own. */
export async function openOAuth(
  endpoints: Endpoints,
  {
    client = CLIENT,
    credential = { client: 'CANARY secret' },
    isAlone = true,
  }: { client?: OAuthClient; credential?: Credential; isAlone?: boolean } = {},
) {
  const test = createdCompartment();
  const { connections } = test.compartment;
  const stored = connections.stored();
  if (!stored.ok) throw new Error(stored.error.message);
  const { instance } = stored.value;
  const target = {
    kind: 'http',
    url: 'https://crm.example.com/api/',
    header: 'Authorization',
    internal: false,
    oauth: client,
  } as const;
  const owner = { tenant: 'test', instance, name: 'crm', target };
  connections.set({
    name: 'crm',
    target,
    instance,
    secret: await sealSecret(KEY, owner, credentialText(credential)),
  });

  const asked: TokenRequest[] = [];
  const received: (string | null)[] = [];
  const waits: number[] = [];
  const kept: Promise<unknown>[] = [];
  const platform: HttpPlatform = {
    fetch: async (url, init) => {
      const headers = new Headers(init.headers);
      if (url !== TOKEN_URL) {
        received.push(headers.get('authorization'));
        return endpoints.api?.(headers.get('authorization')) ?? Response.json({ id: '7' });
      }
      const form = Object.fromEntries(new URLSearchParams(String(init.body)));
      asked.push({ form, authorization: headers.get('authorization') });
      return endpoints.token({ form, authorization: headers.get('authorization') }, asked.length);
    },
    clock: () => test.clock.now,
    random: () => 0.5,
    timeout: () => new AbortController().signal,
    wait: async (ms) => {
      waits.push(ms);
      // Calls that wait side by side do not each move the clock.
      if (isAlone) test.clock.now += ms;
      await new Promise((resolve) => setTimeout(resolve, isAlone ? 0 : ms / 20));
    },
  };
  const requireValue = <T>(operation: { ok: true; value: T } | { ok: false }): T => {
    if (operation.ok) return operation.value;
    throw new Error('the tenant has refused it');
  };
  const tokens: AccessTokens = {
    request: async (name, not) => requireValue(connections.requestToken(name, not)),
    settle: async (name, settlement) => requireValue(connections.settleToken(name, settlement)),
    keepAlive: (work) => void kept.push(work),
  };
  /** The connection as one call has it. */
  const call = (
    changed: Partial<AccessTokens> = {},
    signal = new AbortController().signal,
  ): { crm: HttpConnection; connections: CallConnections } => {
    const now = requireValue(connections.stored());
    const opened = new CallConnections(
      {
        keys: [KEY],
        policy: { ownOrigins: [], isDevelopment: false },
        platform,
        database: () => undefined,
        tokens: { ...tokens, ...changed },
      },
      { tenant: 'test', signal, trace: TRACE, writes: false, now: test.clock.now },
      now.connections.map((connection) => ({
        ...connection,
        instance: now.instance,
        gate: { admits: true, isProbe: false },
      })),
    );
    return { crm: opened.get('crm', { crm: 'http' }), connections: opened };
  };
  return { test, call, asked, received, waits, kept, connections, tokens };
}
