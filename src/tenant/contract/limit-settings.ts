import * as z from 'zod';
import { MAX_STORAGE_QUOTA_BYTES, MIN_STORAGE_QUOTA_BYTES } from '../../config.ts';
import type { Period } from './period.ts';

/** The limits of a tenant, as they are configured, changed and stored. */

export const bucketLimitSchema = z.strictObject({
  rate: z
    .number()
    .min(0.001)
    .max(100_000)
    .multipleOf(0.001)
    .describe('Tokens refilled a second, at most three decimals.'),
  burst: z.int().min(1).max(1_000_000).describe('Capacity in tokens.'),
});
/** `rate`: tokens a second; `burst`: capacity in tokens. */
export type BucketLimit = z.infer<typeof bucketLimitSchema>;

/** A storage quota in bytes. */
export const storageQuotaSchema = z.int().min(MIN_STORAGE_QUOTA_BYTES).max(MAX_STORAGE_QUOTA_BYTES);

/** How many calls a tenant may make in a day or a month, in UTC; what is undefined has no bound. */
export const callQuotaSchema = z.int().min(1).max(1_000_000_000_000);
export type CallQuotas = Readonly<Partial<Record<Period, number | undefined>>>;
/** Changes of the quotas of calls; null removes one. */
export type CallQuotaChange = Readonly<Partial<Record<Period, number | null | undefined>>>;

/** A tenant's own limits, where they differ from the deployment's. `tool` applies to every tool that is not in `tools`. */
export const limitOverridesSchema = z.strictObject({
  tenant: bucketLimitSchema.optional(),
  tool: bucketLimitSchema.optional(),
  tools: z.record(z.string(), bucketLimitSchema).default({}),
});
export type LimitOverrides = z.infer<typeof limitOverridesSchema>;

/** A change of one limit: the tenant's own; a tool's; or, with `*`, that of every tool without limits of its own. */
export interface LimitChange {
  readonly tool?: string | undefined;
  readonly rate?: number | undefined;
  readonly burst?: number | undefined;
  /** Removes the tenant's own setting of this bucket, so that the more general limit applies again. */
  readonly unset?: true | undefined;
}

export interface Limits {
  readonly tenant: BucketLimit;
  readonly tool: BucketLimit;
}
