import { expect } from 'vitest';
import { type Arrived, FakeRemote, type Rpc, refuse, result, stream, TOKEN } from './bridge-rig.ts';

export const VERSION = '2025-11-25';
export const INITIALIZE: Rpc = {
  id: 0,
  method: 'initialize',
  params: {
    protocolVersion: VERSION,
    capabilities: { sampling: {} },
    clientInfo: { name: 'test', version: '1' },
  },
};

/** A server of the 2025 revisions, as far as these tests go. */
export class SessionServer {
  readonly remote = new FakeRemote();
  /** The sessions that it knows; each `initialize` opens one. */
  readonly live = new Set<string>();
  readonly streams: Arrived[] = [];
  opened = 0;
  version = VERSION;
  /** Answers requests other than those of the session itself. */
  answer: (arrived: Arrived) => void = (arrived) => result(arrived, {});
  /** Answers a request for the stream. */
  listen: (arrived: Arrived) => void = (arrived) => {
    stream(arrived);
    this.streams.push(arrived);
  };

  constructor() {
    this.remote.answer = (arrived) => {
      expect(arrived.headers.authorization).toBe(`Bearer ${TOKEN}`);
      const session = String(arrived.headers['mcp-session-id'] ?? '');
      if (arrived.message.method === 'initialize') {
        expect(session).toBe('');
        const id = `session-${++this.opened}`;
        this.live.add(id);
        const capabilities = { resources: { subscribe: true, listChanged: true } };
        const serverInfo = { name: 'fake', version: '1' };
        return result(
          arrived,
          { protocolVersion: this.version, capabilities, serverInfo },
          { 'mcp-session-id': id },
        );
      }
      if (!this.live.has(session)) return refuse(arrived, 404, 'unknown_session');
      expect(arrived.headers['mcp-protocol-version']).toBe(VERSION);
      expect(arrived.headers['mcp-method']).toBeUndefined();
      if (arrived.method === 'DELETE') {
        this.live.delete(session);
        return arrived.response.writeHead(204).end();
      }
      if (arrived.method === 'GET') return this.listen(arrived);
      if (arrived.message.id === undefined || arrived.message.method === undefined)
        return arrived.response.writeHead(202).end();
      return this.answer(arrived);
    };
  }

  /** The streams that were asked for, once there are so many. */
  async gets(count: number): Promise<Arrived[]> {
    return this.remote.arrived.atLeast(count, ({ method }) => method === 'GET');
  }

  posts(method: string): Arrived[] {
    return this.remote.arrived.all.filter(({ message }) => message.method === method);
  }
}
