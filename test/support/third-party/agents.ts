import { fileURLToPath } from 'node:url';
import type { TestHarness } from 'wrangler';
import * as z from 'zod';
import type { Order } from '../agent-worker/order.ts';
import { calledOf, type Open } from './client.ts';

const ROOT = fileURLToPath(new URL('../agent-worker/', import.meta.url));
const Answer = z.union([
  z.strictObject({ ok: z.unknown() }),
  z.strictObject({
    error: z.object({ message: z.string(), code: z.union([z.number(), z.string()]).optional() }),
  }),
]);

/** Agents of the `agents` package, in a Worker of their own; each is a client of one server. */
export class Agents {
  #harness: TestHarness | undefined;
  #origin = '';
  #made = 0;

  /** After a server has started: that sets what wrangler reads when it is loaded. */
  async start(): Promise<void> {
    const { createTestHarness } = await import('wrangler');
    this.#harness = createTestHarness({ root: ROOT, workers: [{ configPath: 'wrangler.toml' }] });
    this.#origin = (await this.#harness.listen()).url.origin;
  }

  async stop(): Promise<void> {
    await this.#harness?.close();
  }

  open(how: { path: string; transport: 'streamable-http' | 'sse'; era: 'legacy' | 'auto' }): Open {
    return async ({ origin, token }) => {
      const agent = `agent-${++this.#made}`;
      const ask = (order: Order) => this.#ask(agent, order);
      await ask({
        do: 'connect',
        url: `${origin}${how.path}`,
        token,
        transport: how.transport,
        era: how.era,
      });
      return {
        list: async () => z.array(z.string()).parse(await ask({ do: 'list' })),
        call: async (name, args) => calledOf(await ask({ do: 'call', name, args: { ...args } })),
        close: async () => {
          await ask({ do: 'disconnect' });
        },
      };
    };
  }

  /**
   * An agent that is given the URL alone. `visit` is the person at the page to which the agent sends one, and ends at the agent's
   * own callback.
   * @returns the names of the tools that the agent knows by now
   */
  async signIn(url: string, visit: (page: URL) => Promise<URL>): Promise<() => Promise<string[]>> {
    const agent = `agent-${++this.#made}`;
    const how = { transport: 'streamable-http', era: 'auto' } as const;
    const { authUrl } = z
      .object({ state: z.literal('authenticating'), authUrl: z.url() })
      .parse(await this.#ask(agent, { do: 'connect', url, ...how }));
    const called = await fetch(await visit(new URL(authUrl)), { redirect: 'manual' });
    await called.body?.cancel();
    return async () => z.array(z.string()).parse(await this.#ask(agent, { do: 'list' }));
  }

  async #ask(agent: string, order: Order): Promise<unknown> {
    const url = new URL(`/agents/caller/${agent}`, this.#origin);
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(order) });
    if (!response.ok) throw new Error(`the agent failed: ${response.status} ${await response.text()}`);
    const answer = Answer.parse(await response.json());
    if ('error' in answer) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
    return answer.ok;
  }
}
