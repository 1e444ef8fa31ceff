import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalDatabase, openDatabase } from '../../src/local/database.ts';
import { LocalTenant, type LocalTenantOptions } from '../../src/local/tenant.ts';
import type { LogRecord } from '../../src/telemetry/log.ts';
import type { CallOutcome } from '../../src/tenant/contract/call.ts';
import { forwardOnly } from '../../src/tenant/contract/timer.ts';
import type { Listener, StreamEvent, StreamState } from '../../src/tenant/streams/stream.ts';
import { callRequest, GENEROUS } from './compartment.ts';

/** A directory of this test's own, removed by `remove`. */
export class TemporaryDirectory {
  readonly path = mkdtempSync(join(tmpdir(), 'bulkhead-local-'));

  get file(): string {
    return join(this.path, 'test.db');
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A tenant as one process has it, with what the test needs of it. */
export interface TestLocal {
  readonly tenant: LocalTenant;
  readonly db: LocalDatabase;
  readonly lines: LogRecord[];
  call(tool: string, args?: object): Promise<CallOutcome>;
  /** The answer of a call that must have one. */
  answer(tool: string, args?: object): Promise<Record<string, unknown>>;
}

export function openLocal(
  file: string,
  host: LocalTenantOptions['host'] = {},
  db: LocalDatabase = openDatabase(file),
  reserve: LocalTenantOptions['reserve'] = undefined,
): TestLocal {
  const lines: LogRecord[] = [];
  const limits = { tenant: GENEROUS, tool: GENEROUS };
  // A test that moves the clock moves the clock of durations with it.
  const monotonic = host.clock === undefined ? {} : { monotonic: forwardOnly(host.clock) };
  const tenant = new LocalTenant({
    db,
    log: (line) => void lines.push(line),
    reserve,
    host: { limits, ...monotonic, ...host },
  });
  const call = (tool: string, args: object = {}) =>
    tenant.call(callRequest(tenant.tokenId, tool, args, Date.now()));
  return {
    tenant,
    db,
    lines,
    call,
    answer: async (tool, args) => {
      const outcome = await call(tool, args);
      if (outcome.kind !== 'answer') throw new Error(`${tool} was not answered: ${JSON.stringify(outcome)}`);
      return JSON.parse(outcome.json);
    },
  };
}

/** A listener of a new session; what it was told is in `notices`. */
export async function listening(
  local: TestLocal,
  all: boolean,
): Promise<{ session: string; notices: StreamEvent[] }> {
  const session = local.tenant.newSessionId();
  await local.answer('session_open', { session_id: session, kind: 'stream' });
  const notices: StreamEvent[] = [];
  const { compartment, tokenId } = local.tenant;
  local.tenant.exclusively(() => {
    const registered = compartment.streams.register(tokenId, session, { kind: 'changes', all });
    if (!registered.ok) throw new Error(registered.error.reason);
    compartment.streams.attach(recording(registered.value.state, notices));
  });
  return { session, notices };
}

function recording(state: StreamState, notices: StreamEvent[]): Listener {
  let current = state;
  return {
    get state() {
      return current;
    },
    saveState: (saved) => {
      current = saved;
    },
    send: (event) => notices.push(event) > 0,
    end: (end) => {
      throw new Error(`the stream was ended: ${end}`);
    },
  };
}
