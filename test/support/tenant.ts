import { catalogue } from '../../src/catalogue.ts';
import type { OpenSql } from '../../src/postgres/session.ts';
import { runRemoteTool } from '../../src/remote/run-remote-tool.ts';
import type { StoredConnections } from '../../src/tenant/connection-administration.ts';
import type { Decision, HeldCallDetail, PolicyChange } from '../../src/tenant/contract/approval.ts';
import type {
  CallOutcome,
  CallRequest,
  RemoteCompletion,
  TokenId,
  TransportName,
} from '../../src/tenant/contract/call.ts';
import type { NewConnection } from '../../src/tenant/contract/connection.ts';
import type { CallQuotaChange } from '../../src/tenant/contract/limit-settings.ts';
import type { Operation } from '../../src/tenant/operation.ts';
import type { Question } from '../../src/tenant/records/reading/readers.ts';
import type { Verified } from '../../src/tenant/records/verify.ts';
import type { ScopeChange } from '../../src/tenant/storage/tokens.ts';
import { type ToolErrorBody, toolErrorSchema } from '../../src/tools/errors.ts';
import { isRemoteTool } from '../../src/tools/remote-tool.ts';
import type { Scope } from '../../src/tools/tool.ts';
import { type TestService, TestServices } from './services.ts';

/** What both hosts of the compartment give to the tests. */
export interface TestHost {
  readonly tokenId: TokenId;
  call(request: CallRequest): Promise<CallOutcome>;
  completeRemoteCall(request: CallRequest, completion: RemoteCompletion): Promise<void>;
  /** The tenant's id, as its connections are encrypted for it. */
  readonly tenant: string;
  storedConnections(): Promise<Operation<StoredConnections>>;
  setConnection(connection: NewConnection): Promise<Operation<unknown>>;
  /** Another token of the same tenant, by default with every scope. */
  issue(scopes?: readonly Scope[]): Promise<TokenId>;
  /** Checks the records, of which there are fewer than one step checks. */
  verify(): Promise<Verified>;
  /** Sets or removes quotas of calls. */
  setCallQuotas(change: CallQuotaChange): Promise<void>;
  changePolicy(change: PolicyChange): Promise<Operation<unknown>>;
  /** The operator decides a held call. */
  decide(id: string, decision: Decision): Promise<Operation<unknown>>;
  changeScopes(token: string, change: ScopeChange): Promise<Operation<unknown>>;
  /** A held call in full. */
  approval(id: string): Promise<Operation<HeldCallDetail>>;
  /** The answer to a question about the records, as JSON. */
  ask(question: Question, args: Readonly<Record<string, string>>): Promise<string>;
  /** The host stops and starts: what is in memory only is lost. */
  restart(): Promise<void>;
  now(): number;
  setNow(ms: number): void;
  /** Moves the clock and runs what is due meanwhile, each at its time. */
  elapse(ms: number): Promise<void>;
}

/** biome's and TypeScript's answer to reading fields of an answer in a test: every field may be anything. */
// biome-ignore lint/suspicious/noExplicitAny: a test reads fields that the output schema has checked
export type Answer = Record<string, any>;

let calls = 0;

/** A tenant as an agent sees it. Answers are checked against the tool's output schema. */
export class TestTenant {
  readonly #services: TestServices;
  readonly #host: TestHost;
  readonly #tokenId: TokenId;

  constructor(host: TestHost, tokenId: TokenId = host.tokenId, services = new TestServices(host)) {
    this.#host = host;
    this.#services = services;
    this.#tokenId = tokenId;
  }

  get principal(): string {
    return this.#tokenId;
  }

  get now(): number {
    return this.#host.now();
  }

  /** Moves the injected clock. */
  advance(ms: number): void {
    this.#host.setNow(this.#host.now() + ms);
  }

  /** Lets time pass for calls that wait: what is due meanwhile happens, each at its time. */
  elapse(ms: number): Promise<void> {
    return this.#host.elapse(ms);
  }

  verify(): Promise<Verified> {
    return this.#host.verify();
  }

  setCallQuotas(change: CallQuotaChange): Promise<void> {
    return this.#host.setCallQuotas(change);
  }

  /** What was used until now, by default since ever. */
  async usage(by: string, since = 0): Promise<Answer[]> {
    const [from, until] = [since, this.now + 1].map((ms) => new Date(ms).toISOString());
    const answer: Answer = JSON.parse(
      await this.#host.ask('usage', { by, since: from ?? '', until: until ?? '' }),
    );
    return answer.usage;
  }

  /** Every call of the tool needs a person's approval from now on, or none. */
  async requireApproval(tool: string, approval = true): Promise<void> {
    const changed = await this.#host.changePolicy({ tool, approval });
    if (!changed.ok) throw new Error(changed.error.message);
  }

  async changeScopes(token: string, add: readonly Scope[], remove: readonly Scope[] = []): Promise<void> {
    const changed = await this.#host.changeScopes(token, { add, remove });
    if (!changed.ok) throw new Error(changed.error.message);
  }

  /** The operator decides. */
  decide(id: string, decision: Partial<Decision>): Promise<Operation<unknown>> {
    return this.#host.decide(id, { approve: true, standing: false, reason: undefined, ...decision });
  }

  async approval(id: string): Promise<HeldCallDetail> {
    const shown = await this.#host.approval(id);
    if (!shown.ok) throw new Error(shown.error.message);
    return shown.value;
  }

  /** What the records say of calls, the newest first. */
  async records(args: Readonly<Record<string, string>> = {}): Promise<Answer[]> {
    return JSON.parse(await this.#host.ask('calls', args)).calls;
  }

  restart(): Promise<void> {
    return this.#host.restart();
  }

  async otherPrincipal(scopes?: readonly Scope[]): Promise<TestTenant> {
    return new TestTenant(this.#host, await this.#host.issue(scopes), this.#services);
  }

  /** The same tenant asked with any token at all. */
  as(principal: string): TestTenant {
    return new TestTenant(this.#host, principal as TokenId, this.#services);
  }

  get id(): string {
    return this.#host.tenant;
  }

  /** Sets up a connection of the tenant, behind which `answer` takes the place of a service. */
  connect(name: string, answer: TestService): Promise<void> {
    return this.#services.connect(name, answer);
  }

  /** Sets up a connection of the tenant to a database that all tenants share. */
  connectDatabase(name: string, open: OpenSql): Promise<void> {
    return this.#services.connectDatabase(name, open);
  }

  /** How a call ends. A remote tool is run here, with nobody whom it could ask. */
  async outcome(tool: string, args: unknown, transport: TransportName = 'mcp'): Promise<CallOutcome> {
    const request = this.#request(tool, args, transport);
    const outcome = await this.#host.call(request);
    const found = catalogue.find(tool);
    if (outcome.kind !== 'deferred' || found === undefined || !isRemoteTool(found)) return outcome;
    const end = await runRemoteTool(found, request, outcome, {
      signal: new AbortController().signal,
      log: async () => undefined,
      progress: async () => undefined,
      canAsk: () => false,
      connections: this.#services.access,
      ask: () => Promise.reject(new Error(`nobody answers the questions of ${tool}`)),
      complete: (completion) => this.#host.completeRemoteCall(request, completion),
    });
    if (end.kind === 'pending') throw new Error(`${tool} waits for an answer`);
    return end;
  }

  #request(tool: string, args: unknown, transport: TransportName): CallRequest {
    const id = (++calls).toString(16);
    return {
      tokenId: this.#tokenId,
      session: undefined,
      cancelKey: id,
      tool,
      args,
      caller: {
        requestId: id.padStart(16, '0'),
        trace: { traceId: id.padStart(32, '0'), spanId: id.padStart(16, '0'), parentSpanId: undefined },
        receivedAt: this.#host.now(),
        clientName: undefined,
        clientVersion: undefined,
        protocolVersion: undefined,
        transport,
      },
    };
  }

  /** The structured answer; fails the test when the call was refused. */
  async ok(tool: string, args: unknown = {}): Promise<Answer> {
    const outcome = await this.outcome(tool, args);
    if (outcome.kind !== 'answer') throw new Error(`${tool} gave ${JSON.stringify(outcome)}`);
    const answer: Answer = JSON.parse(outcome.json);
    const found = catalogue.find(tool);
    if (found === undefined) throw new Error(`there is no tool ${tool}`);
    const checked = found.output.safeParse(answer);
    if (!checked.success)
      throw new Error(`${tool} answered against its schema: ${checked.error.message}\n${outcome.json}`);
    return answer;
  }

  /** The error of a call that must fail. */
  async error(tool: string, args: unknown): Promise<ToolErrorBody> {
    const outcome = await this.outcome(tool, args);
    if (outcome.kind !== 'error') throw new Error(`${tool} did not fail: ${JSON.stringify(outcome)}`);
    return toolErrorSchema.parse(outcome.error);
  }
}
