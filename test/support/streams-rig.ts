import { expect } from 'vitest';
import type { Place } from './raw-eras.ts';
import { Operator, startServer, type TestServer } from './server.ts';
import { LISTENERS, type Listen, type PushClient } from './streams.ts';
import { eventually } from './streams-heard.ts';

const GENEROUS = { rate: 100_000, burst: 1_000_000 };
/** Of requests that no bucket of a tenant pays for: each message of a client to its stream, and what asks for admission. */
const GENEROUS_REQUESTS = { REQUEST_RATE: '100000', REQUEST_BURST: '1000000' };

/** The URI of a cell of the default board. */
export const uriOf = (key: string) => `blackboard://default/${key}`;
export const times = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);

/** A tenant that no test brings to its limits, and where it is reached. */
export interface PushTenant extends Place {
  readonly id: string;
  readonly tokenId: string;
}

/** A started server, and what the tests of push do with it. */
export class PushRig {
  readonly server: TestServer;
  readonly #operator: Operator;
  readonly #open: PushClient[] = [];
  #tenants = 0;

  static async start(): Promise<PushRig> {
    return new PushRig(await startServer(GENEROUS_REQUESTS));
  }

  private constructor(server: TestServer) {
    this.server = server;
    this.#operator = new Operator(server);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#open.map((client) => client.close()));
    await this.server.stop();
  }

  async tenant(): Promise<PushTenant> {
    const id = `push-${++this.#tenants}`;
    await this.operate('POST', '/tenants', { id });
    await this.operate('PATCH', `/tenants/${id}/limits`, GENEROUS);
    await this.operate('PATCH', `/tenants/${id}/limits`, { ...GENEROUS, tool: '*' });
    return this.token(id);
  }

  /** Another token of a tenant. */
  async token(id: string): Promise<PushTenant> {
    const { token, token_id } = await this.operate('POST', `/tenants/${id}/tokens`, {});
    return { id, url: this.server.url, token: String(token), tokenId: String(token_id) };
  }

  operate(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    return this.#operator.request(method, path, body);
  }

  async listen(listen: Listen, place: Place, ...uris: string[]): Promise<PushClient> {
    const client = await listen(place.url, place.token, uris);
    this.#open.push(client);
    return client;
  }

  /** A listener of every kind. */
  listenAll(place: Place, ...uris: string[]): Promise<PushClient[]> {
    return Promise.all(LISTENERS.map(([, listen]) => this.listen(listen, place, ...uris)));
  }

  /** Waits until the tenant has as many streams open as it should. */
  async untilOpen(id: string, streams: number): Promise<void> {
    await eventually(
      () => this.#clients(id),
      ({ open_streams }) => open_streams === streams,
    );
  }

  async #clients(id: string): Promise<{ sessions: number; open_streams: number }> {
    const response = await fetch(`${this.server.url}/admin/tenants/${id}`, {
      // Asked from a new address each time, for the operator has a fence too.
      headers: { authorization: `Bearer ${this.server.adminKey}`, 'cf-connecting-ip': newAddress() },
    });
    expect(response.status).toBe(200);
    const { clients } = (await response.json()) as { clients: { sessions: number; open_streams: number } };
    return clients;
  }
}

let asked = 0;
const newAddress = () => `2001:db8:${(++asked).toString(16)}::1`;
