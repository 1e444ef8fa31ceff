import type { AdminClient, IssuedToken } from '../admin-client.ts';
import { watchNpm } from '../parent-watch.ts';
import { CliError } from '../terminal.ts';
import { Agent, type AgentOptions } from './agent.ts';
import type { Report } from './report.ts';

/** What every step of the demo uses. */
export interface DemoContext {
  readonly report: Report;
  readonly admin: AdminClient;
  /** The server's URL without a path. */
  readonly url: string;
  /** The tenant of planner, worker and reviewer; `otherTenant` is the outsider's. */
  readonly tenant: string;
  readonly otherTenant: string;
  readonly planner: Agent;
  readonly worker: Agent;
  readonly reviewer: Agent;
  readonly outsider: Agent;
  readonly plannerToken: IssuedToken;
  readonly outsiderToken: IssuedToken;
}

const TOKEN_TTL_S = 3600;

/** Rejects when the demo is told to end, so that the tenants are erased in that case too. */
function interrupted(): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(new CliError('interrupted', 'The demo was interrupted.'));
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
    watchNpm(stop);
  });
}

/** What the tenants are called: that of planner, worker and reviewer, and the outsider's. */
interface TenantNames {
  readonly ours: string;
  readonly others: string;
}

/** Creates two tenants and four agents, runs `runSteps`, and erases both tenants even if it fails. */
export async function withTenants(
  admin: AdminClient,
  options: { url: string; report: Report; tenants: TenantNames },
  runSteps: (context: DemoContext) => Promise<void>,
): Promise<void> {
  const { url, report } = options;
  const { ours: tenant, others: otherTenant } = options.tenants;
  const created: string[] = [];
  const agents: Agent[] = [];

  const connectAgent = async (of: string, name: string, sdk: AgentOptions['sdk']) => {
    const issued = await admin.issueToken(of, { ttl_s: TOKEN_TTL_S, label: `demo ${name}` });
    const agent = await Agent.connect({ name, url: `${url}/mcp`, token: issued.token, sdk });
    agents.push(agent);
    report.note(`${agent.introduction}, tenant ${of}`);
    return { agent, issued };
  };
  const runAll = async () => {
    for (const id of [tenant, otherTenant]) {
      await admin.create(id);
      created.push(id);
    }
    report.title('Two tenants, four agents');
    const { agent: planner, issued: plannerToken } = await connectAgent(tenant, 'planner', 'v2');
    const { agent: worker } = await connectAgent(tenant, 'worker', 'v2');
    const { agent: reviewer } = await connectAgent(tenant, 'reviewer', 'v1');
    const { agent: outsider, issued: outsiderToken } = await connectAgent(otherTenant, 'outsider', 'v2');
    const tokens = { plannerToken, outsiderToken };
    await runSteps({
      report,
      admin,
      url,
      tenant,
      otherTenant,
      planner,
      worker,
      reviewer,
      outsider,
      ...tokens,
    });
  };

  try {
    await Promise.race([runAll(), interrupted()]);
  } finally {
    await Promise.allSettled(agents.map((agent) => agent.close()));
    const erased = await Promise.allSettled(created.map((id) => admin.delete(id)));
    // Without a server nothing was created, so there is nothing to report.
    if (created.length > 0) {
      report.title('Afterwards');
      report.check(
        'both tenants are erased',
        erased.every(({ status }) => status === 'fulfilled'),
      );
    }
  }
}
