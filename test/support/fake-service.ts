import { CallConnections } from '../../src/connections/call-connections.ts';
import type { HttpPlatform } from '../../src/connections/http/platform.ts';
import { NO_ACCESS_TOKENS } from '../../src/connections/oauth/access-token.ts';
import type { ConnectionGrant, Gate } from '../../src/tenant/contract/connection.ts';
import type { HttpConnection } from '../../src/tools/connection.ts';

const POLICY = { ownOrigins: [], isDevelopment: true };
const ADMITTED: Gate = { admits: true, isProbe: false };
const TRACE = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parentSpanId: undefined };
export const SECRET = 'Bearer CANARY-SECRET';

/** A request as a service gets it. */
export interface Received {
  readonly url: string;
  readonly init: RequestInit;
}

/** A connection of one call to a service that a test plays, in a time of the test's own. */
export function openService(
  answer: (received: Received, attempt: number) => Response | Promise<Response>,
  { gate, signal }: { gate?: Gate; signal?: AbortSignal } = {},
) {
  const received: Received[] = [];
  const waits: number[] = [];
  const time = { now: Date.UTC(2026, 0, 1) };
  const platform: HttpPlatform = {
    fetch: async (url, init) => {
      received.push({ url, init });
      return answer({ url, init }, received.length);
    },
    clock: () => time.now,
    random: () => 0.5,
    timeout: () => new AbortController().signal,
    wait: async (ms) => {
      waits.push(ms);
      time.now += ms;
    },
  };
  const given = { ...(gate && { gate }), ...(signal && { signal }) };
  const opened = openCrm(platform, 'https://crm.example.com/api/', given);
  return { ...opened, received, waits, time };
}

/** A connection of one call to the service at `url`, which may be one of this machine. */
export function openCrm(
  platform: HttpPlatform,
  url: string,
  { gate = ADMITTED, signal = new AbortController().signal }: { gate?: Gate; signal?: AbortSignal } = {},
) {
  const grant: ConnectionGrant = {
    name: 'crm',
    target: { kind: 'http', url, header: 'Authorization', internal: false },
    secret: { form: 'plain', value: SECRET },
    instance: 'i',
    gate,
  };
  const connections = new CallConnections(
    { keys: [], policy: POLICY, platform, database: () => undefined, tokens: NO_ACCESS_TOKENS },
    { tenant: 'acme', signal, trace: TRACE, writes: false, now: 0 },
    [grant],
  );
  const crm: HttpConnection = connections.get('crm', { crm: 'http' });
  return { crm, connections };
}
