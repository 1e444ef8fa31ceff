import { DataError, openDirectory } from '../local/directory.ts';
import { LocalTenant } from '../local/tenant.ts';
import { randomHex } from '../telemetry/trace.ts';
import { approvalJson, approvalsJson, policyJson } from '../tenant/contract/approval-json.ts';
import type { Operation } from '../tenant/operation.ts';
import {
  type ApprovalsAccess,
  checkedDetail,
  checkedList,
  checkedPolicy,
  type Decision,
} from './approvals-client.ts';
import { CliError } from './terminal.ts';

/**
 * The approvals of a local server: whoever can write its data is its operator. A server that runs on the same data sees each
 * change within 100 ms.
 */
export function localApprovals(directory: string, as: string | undefined): ApprovalsAccess {
  const use = async <T, U>(act: (tenant: LocalTenant) => Operation<T>, show: (value: T) => U): Promise<U> => {
    const tenant = open(directory);
    try {
      return show(requireValue(act(tenant)));
    } finally {
      tenant.close();
    }
  };
  return {
    policy: () =>
      use(
        ({ compartment }) => compartment.approvals.policy(),
        (view) => checkedPolicy(policyJson(view)),
      ),
    changePolicy: (_id, change) =>
      use(
        ({ compartment }) => compartment.approvals.changePolicy(change),
        (view) => checkedPolicy(policyJson(view)),
      ),
    list: () =>
      use(
        ({ compartment }) => compartment.approvals.list(),
        (list) => checkedList(approvalsJson(list)),
      ),
    show: (_id, approval) =>
      use(
        ({ compartment }) => compartment.approvals.show(approval),
        (call) => checkedDetail(approvalJson(call)),
      ),
    decide: (_id, approval, { decision, standing, reason }: Decision) =>
      use(
        ({ compartment }) =>
          compartment.approvals.decide(
            { kind: 'operator', as },
            approval,
            { approve: decision === 'approve', standing: standing === true, reason },
            requestOf(),
          ),
        (call) => checkedDetail(approvalJson(call)),
      ),
  };
}

function open(directory: string): LocalTenant {
  try {
    return new LocalTenant({ db: openDirectory(directory), log: () => {} });
  } catch (cause) {
    if (cause instanceof DataError) throw new CliError('data', cause.message);
    throw cause;
  }
}

const requestOf = () => ({
  requestId: randomHex(8),
  trace: { traceId: randomHex(16), spanId: randomHex(8), parentSpanId: undefined },
  receivedAt: Date.now(),
});

function requireValue<T>(operation: Operation<T>): T {
  if (operation.ok) return operation.value;
  throw new CliError(operation.error.reason, operation.error.message);
}
