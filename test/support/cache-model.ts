/** A simple in-memory implementation of the cache's contract. The tools are compared with it over random sequences of calls. */

export const LEASE_GRACE_MS = 600_000;
export const QUESTIONS = [
  { namespace: 'n', model: 'a', prompt: 'p' },
  { namespace: 'n', model: 'b', prompt: 'p' },
  { namespace: 'm', model: 'a', prompt: 'p' },
] as const;

export interface Lookup {
  readonly max_age_s?: number | undefined;
  readonly lease_s?: number | undefined;
}
export interface Answering {
  readonly kind: 'response' | 'error';
  readonly value: string;
  readonly ttl_s: number;
  readonly stale_s: number;
  readonly tags: readonly string[];
}
export type Naming = { readonly namespace?: string | undefined } & (
  | { readonly all: true }
  | { readonly model: string }
  | { readonly tag: string }
  | { readonly question: number }
);

interface Entry extends Answering {
  readonly storedAt: number;
  readonly lease: string | undefined;
}
interface Lease {
  readonly expiresAt: number;
  readonly lostTags: Set<string>;
  id: string;
}

export class CacheModel {
  now: number;
  /** Questions whose waiting callers must be woken by the last call. */
  woken = new Set<number>();
  readonly counted = { hits: 0, misses: 0, stale: 0, negative: 0, coalesced: 0, rejected: 0 };
  readonly #entries = new Map<number, Entry>();
  readonly #leases = new Map<number, Lease>();

  constructor(now: number) {
    this.now = now;
  }

  /** The answer to a lookup, `wait` included. With `leased` the caller got a new lease; the test passes its id to `granted`. */
  get(question: number, { max_age_s: maxAge, lease_s: leaseS }: Lookup, mayWait: boolean, waited: boolean) {
    const { entry, age } = this.#live(question) ?? { entry: undefined, age: 0 };
    const lease = this.#leases.get(question);
    const isHeld = lease !== undefined && this.now < lease.expiresAt;
    if (entry === undefined || (maxAge !== undefined && age > maxAge * 1000)) {
      if (isHeld && mayWait) return { status: 'wait', until: lease.expiresAt };
      if (isHeld) {
        this.counted.coalesced++;
        return { status: 'pending', retry_after_ms: Math.min(5000, lease.expiresAt - this.now) };
      }
      this.counted.misses++;
      return { status: 'miss', leased: this.#lease(question, leaseS) };
    }
    if (waited) this.counted.coalesced++;
    const age_s = Math.floor(age / 1000);
    if (entry.kind === 'error') {
      this.counted.negative++;
      return { status: 'negative', failure: entry.value, age_s };
    }
    if (age < entry.ttl_s * 1000) {
      this.counted.hits++;
      return { status: 'hit', response: entry.value, age_s };
    }
    this.counted.stale++;
    const leased = !isHeld && this.#lease(question, leaseS);
    return { status: 'stale', response: entry.value, age_s, leased };
  }

  granted(question: number, id: string): void {
    const lease = this.#leases.get(question);
    if (lease !== undefined) lease.id = id;
  }

  set(question: number, answer: Answering, id: string | undefined) {
    const known = this.#live(question);
    const held = this.#leases.get(question);
    const lease = held !== undefined && this.now < held.expiresAt + LEASE_GRACE_MS ? held : undefined;
    const reason = this.#lost(known, lease, answer, id) ?? this.#unfit(known?.entry, answer);
    if (reason !== undefined) {
      this.counted.rejected++;
      if (id !== undefined && lease?.id === id) this.#end(question);
      return { status: 'rejected', reason };
    }
    this.#entries.set(question, { ...answer, storedAt: this.now, lease: id });
    this.#end(question);
    return { status: known === undefined ? 'stored' : 'replaced' };
  }

  invalidate(naming: Naming) {
    let invalidated = 0;
    for (const [n, question] of QUESTIONS.entries()) {
      if ((naming.namespace ?? question.namespace) !== question.namespace) continue;
      const isNamed =
        'all' in naming ||
        ('model' in naming && naming.model === question.model) ||
        ('question' in naming && naming.question === n);
      const known = this.#live(n);
      if (isNamed || ('tag' in naming && known?.entry.tags.includes(naming.tag))) {
        if (known !== undefined) invalidated++;
        this.#entries.delete(n);
      }
      if ('tag' in naming) this.#leases.get(n)?.lostTags.add(naming.tag);
      if (isNamed && this.#leases.has(n)) this.#end(n);
    }
    return { invalidated };
  }

  get servable(): number {
    return QUESTIONS.filter((_, n) => this.#live(n) !== undefined).length;
  }

  #live(question: number): { entry: Entry; age: number } | undefined {
    const entry = this.#entries.get(question);
    if (entry === undefined) return undefined;
    const age = this.now - entry.storedAt;
    return age < (entry.ttl_s + entry.stale_s) * 1000 ? { entry, age } : undefined;
  }

  #lease(question: number, leaseS: number | undefined): boolean {
    if (leaseS === undefined) return false;
    this.#leases.set(question, { expiresAt: this.now + leaseS * 1000, lostTags: new Set(), id: '' });
    return true;
  }

  #end(question: number): void {
    const lease = this.#leases.get(question);
    if (lease !== undefined && this.now < lease.expiresAt) this.woken.add(question);
    this.#leases.delete(question);
  }

  #lost(
    known: { entry: Entry; age: number } | undefined,
    lease: Lease | undefined,
    { tags }: Answering,
    id: string | undefined,
  ): string | undefined {
    if (id === undefined) return undefined;
    if (lease !== undefined) {
      return lease.id === id && !tags.some((tag) => lease.lostTags.has(tag)) ? undefined : 'lease_lost';
    }
    const isRepeat = known?.entry.lease === id && known.age < known.entry.ttl_s * 1000;
    return isRepeat ? undefined : 'lease_lost';
  }

  #unfit(known: Entry | undefined, { kind, value }: Answering): string | undefined {
    if (value === '') return 'empty';
    return kind === 'error' && known?.kind === 'response' ? 'answered' : undefined;
  }
}
