import { catalogue, sweepers } from '../../src/catalogue.ts';
import { openDatabase } from '../../src/local/database.ts';
import { readMigrations } from '../../src/local/migrations.ts';
import type { LogRecord } from '../../src/telemetry/log.ts';
import { Compartment } from '../../src/tenant/compartment.ts';
import { type CallOutcome, parseTenantId, type TokenId } from '../../src/tenant/contract/call.ts';
import { forwardOnly } from '../../src/tenant/contract/timer.ts';
import type { Host } from '../../src/tenant/host.ts';
import type { Database } from '../../src/tenant/storage/database.ts';
import { SCOPES, type Scope } from '../../src/tools/tool.ts';
import { callRequest } from './call-request.ts';
import { FakeTime } from './fake-time.ts';

export { callRequest };

export const GENEROUS = { rate: 100_000, burst: 1_000_000 };
const TEN_YEARS_MS = 10 * 365 * 86_400_000;

/** A compartment on `node:sqlite` with everything that a host gives it in the hands of the test. */
export interface TestCompartment {
  readonly compartment: Compartment;
  readonly db: Database;
  readonly lines: LogRecord[];
  readonly clock: FakeTime;
  /** Runs what was put off until now, or until `withinMs` milliseconds later. @returns how many tasks were run */
  runLater(withinMs?: number): number;
  /** Lets time pass: runs what was put off, each at its time, and what follows from it. */
  elapse(ms: number): Promise<void>;
  issue(scopes?: readonly Scope[]): TokenId;
  call(tokenId: TokenId, tool: string, args?: unknown): CallOutcome;
}

/** @param host what differs from a generous host with the real catalogue and schema */
export function openCompartment(host: Partial<Host> = {}): TestCompartment {
  const lines: LogRecord[] = [];
  const time = new FakeTime();
  const db = host.db ?? openDatabase();
  const clock = host.clock ?? (() => time.now);
  const compartment = new Compartment({
    db,
    clock,
    monotonic: forwardOnly(clock),
    later: time.later,
    log: (record) => void lines.push(record),
    migrations: readMigrations(),
    catalogue,
    limits: { tenant: GENEROUS, tool: GENEROUS },
    storageQuotaBytes: 1_073_741_824,
    sweepers,
    listeners: [],
    exclusively: (body) => body(),
    ...host,
  });
  return {
    compartment,
    db,
    lines,
    clock: time,
    runLater: (withinMs) => time.runLater(withinMs),
    elapse: (ms) => time.elapse(ms),
    issue: (scopes = SCOPES) => {
      const issued = compartment.administration.issueToken({ label: 'test', scopes, ttlMs: TEN_YEARS_MS });
      if (!issued.ok) throw new Error(issued.error.message);
      return issued.value.id;
    },
    call: (tokenId, tool, args = {}) => {
      const outcome = compartment.call(callRequest(tokenId, tool, args, time.now));
      if (outcome instanceof Promise) throw new Error(`${tool} waits`);
      return outcome;
    },
  };
}

/** The same with the tenant created. */
export function createdCompartment(host: Partial<Host> = {}): TestCompartment {
  const test = openCompartment(host);
  const id = parseTenantId('test');
  if (id === undefined || !test.compartment.administration.create(id).ok)
    throw new Error('the tenant was not created');
  return test;
}
