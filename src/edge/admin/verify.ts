import type { ReportedAnchor } from '../../telemetry/metrics/report.ts';
import type { TenantId } from '../../tenant/contract/call.ts';
import type { Checked, Verified } from '../../tenant/records/verify.ts';
import { type Ctx, resultOf } from './refusals.ts';

/** The check of all records of a tenant. */

export type Verdict = Omit<Verified, 'next'>;

/** The newest head that was kept outside of the tenant; undefined when it cannot be asked for. */
async function headOutside(c: Ctx, id: TenantId): Promise<ReportedAnchor | undefined> {
  try {
    return await c.env.METERS.getByName('meters').anchor(id);
  } catch {
    return undefined;
  }
}

/** Checks all records, a step at a time, so that the tenant answers calls in between. @throws AdminRefusal */
export async function verifyRecords(c: Ctx, id: TenantId): Promise<Verdict> {
  const tenant = c.env.TENANTS.getByName(id);
  const outside = await headOutside(c, id);
  let after: Checked | undefined;
  let anchor: Verified['anchor'];
  for (;;) {
    const step = await resultOf<Verified>(c, tenant.verify(after, outside));
    anchor = step.anchor ?? anchor;
    after = step.next;
    if (after === undefined) return { ...step, anchor };
  }
}
