import { clip } from '../../telemetry/redact.ts';
import type { RefusalCount, TenantId, TokenId } from '../../tenant/contract/call.ts';

/** How long refusals are counted before their tenants are told. */
export const REPORT_MS = 500;
/** A request that is cancelled loses its timers: after this time another one schedules the report. */
const LEASE_MS = 2000;
/** Kinds of refusal that are counted at once; further ones are in the log and the metrics only. */
export const MAX_KINDS = 256;
const MAX_TOOL_CHARS = 64;

interface Parts {
  readonly clock: () => number;
  readonly send: (tenant: TenantId, refusals: RefusalCount[]) => Promise<void>;
  readonly failed: (cause: unknown) => void;
}

/** Whose request was refused, by the signature of its token. */
type Caller = { readonly tenant: TenantId; readonly tokenId: TokenId };

/**
 * Counts what this isolate has refused itself of the requests of known tenants, and tells each tenant within a second, so that
 * it is among the tenant's records. Nobody waits for it, and what an isolate that stops has not told is lost.
 */
export class TenantRefusals {
  readonly #parts: Parts;
  #kinds = new Map<string, Caller & RefusalCount>();
  #scheduledAt = Number.NEGATIVE_INFINITY;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @param tool undefined for a request that calls none */
  count({ tenant, tokenId }: Caller, code: string, tool?: string): void {
    const name = tool === undefined ? undefined : clip(tool, MAX_TOOL_CHARS);
    const key = JSON.stringify([tenant, tokenId, code, name]);
    const known = this.#kinds.get(key);
    if (known === undefined && this.#kinds.size >= MAX_KINDS) return;
    this.#kinds.set(key, { tenant, tokenId, code, tool: name, times: (known?.times ?? 0) + 1 });
  }

  /** Tells the tenants a moment later, unless another request does so. */
  flush(waitUntil: (work: Promise<unknown>) => void): void {
    if (this.#kinds.size === 0) return;
    const now = this.#parts.clock();
    if (Math.abs(now - this.#scheduledAt) < LEASE_MS) return;
    this.#scheduledAt = now;
    waitUntil(this.#report());
  }

  async #report(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, REPORT_MS));
    this.#scheduledAt = Number.NEGATIVE_INFINITY;
    const counted = Map.groupBy(this.#kinds.values(), ({ tenant }) => tenant);
    this.#kinds = new Map();
    const sent = [...counted].map(([tenant, refusals]) =>
      this.#parts
        .send(
          tenant,
          refusals.map(({ tokenId, code, tool, times }) => ({ tokenId, code, tool, times })),
        )
        .catch(this.#parts.failed),
    );
    await Promise.all(sent);
  }
}
