import * as z from 'zod';
import type { ToolErrorBody } from '../../tools/errors.ts';
import type { TokenId } from './call.ts';

/** A person's yes: which tools need one, and what the edge and a tenant tell each other of calls that wait for it. */

/** Which calls of a tenant a person must approve. */
export const approvalPolicySchema = z.strictObject({
  /** By name; what is not here follows `destructive`. */
  tools: z.record(z.string(), z.boolean()).default({}),
  /** Whether every tool needs approval whose annotations say that it may destroy something. */
  destructive: z.boolean().default(false),
});
export type ApprovalPolicy = z.infer<typeof approvalPolicySchema>;

/** A change of the policy: of one tool, where null removes its setting, or of all tools that may destroy something. */
export type PolicyChange =
  | { readonly tool: string; readonly approval: boolean | null }
  | { readonly destructive: boolean };

/** The policy as it is shown: what was set, and which tools it makes need approval. */
export interface PolicyView {
  readonly policy: ApprovalPolicy;
  readonly needed: readonly string[];
}

/** How far a held call has come. `unknown`: it was begun, and nobody learned how it ended. */
export const HELD_STATES = [
  'pending',
  'approved',
  'refused',
  'expired',
  'running',
  'done',
  'unknown',
] as const;
export type HeldState = (typeof HELD_STATES)[number];

/** How a held call ended. */
export type HeldResult =
  | { readonly answer: unknown }
  | { readonly error: Pick<ToolErrorBody, 'code' | 'message'> & Partial<ToolErrorBody> };

/** Who decides. `as` is who the operator says to be, which nothing proves: there is one admin key. */
export type Decider =
  | { readonly kind: 'operator'; readonly as: string | undefined }
  /** @see docs/approvals.md: the grant of a member's own session in the console */
  | { readonly kind: 'member'; readonly grant: TokenId };

export interface Decision {
  readonly approve: boolean;
  /** Also for every later call of the same token to the same tool in the same run. */
  readonly standing: boolean;
  /** Shown to the agent when it was refused. */
  readonly reason: string | undefined;
}

/** The most characters of a reason. */
export const MAX_REASON_CHARS = 500;

/** A held call as a person sees it; times in milliseconds since the epoch. */
export interface HeldCallView {
  readonly id: string;
  readonly state: HeldState;
  readonly tool: string;
  readonly tokenId: string;
  readonly tokenLabel: string | undefined;
  readonly client: string | undefined;
  readonly traceId: string;
  readonly heldAt: number;
  readonly expiresAt: number;
  readonly decidedAt: number | undefined;
  readonly decidedBy: string | undefined;
  readonly reason: string | undefined;
}

/** What the call would do if it ran now. The transaction in which this was tried is undone. */
export interface DryRun {
  readonly result: HeldResult;
  /** What it would change, one line each. */
  readonly changes: readonly string[];
}

/** One held call in full. */
export interface HeldCallDetail extends HeldCallView {
  readonly title: string | undefined;
  readonly description: string | undefined;
  /** Whether its annotations say that it may destroy something; undefined when the tool is gone. */
  readonly destructive: boolean | undefined;
  /** Whether a yes that was given for it stands for other calls. */
  readonly stands: boolean;
  /** Whether it reaches other systems, so that nothing can be tried. */
  readonly isRemote: boolean;
  /** The arguments, in full but for credentials. */
  readonly args: unknown;
  /** undefined for a tool that reaches other systems, and for a call that is not open. */
  readonly dryRun: DryRun | undefined;
  /** How it ended, in full but for credentials. */
  readonly result: HeldResult | undefined;
}

/** A yes that stands for one token, tool and run. */
export interface StandingApproval {
  /** The held call for which it was given. */
  readonly id: string;
  readonly tokenId: string;
  readonly tokenLabel: string | undefined;
  readonly tool: string;
  readonly givenAt: number;
  readonly expiresAt: number;
  readonly givenBy: string;
}

/** The held calls of a tenant, the newest first. */
export interface ApprovalList {
  readonly calls: readonly HeldCallView[];
  readonly standing: readonly StandingApproval[];
}
