/** Reservations that one tenant can have. Further refused calls are told a time that is not reserved. */
export const MAX_RESERVATIONS = 256;
/** Reservations that one token can have. */
export const MAX_RESERVATIONS_PER_TOKEN = 16;
/** How long after its time a reservation waits for its call; it then becomes void. */
export const RESERVATION_GRACE_MS = 1000;

/** A call that comes this much early is taken for the one that was told to come. */
const EARLY_MS = 20;

/** A call that was refused and was told when to come again. */
export interface Reservation {
  readonly token: string;
  readonly tool: string;
  /** Micro-tokens. */
  readonly price: number;
  /** Its place in the order of service, in virtual time. */
  readonly tag: number;
  /** The time that its caller was told, on the monotonic clock; undefined for a call that has just arrived. */
  toldAt: number | undefined;
  /** The bucket that the call has to wait for. */
  scope: 'tenant' | 'tool' | undefined;
}

/**
 * The refused calls of a tenant that are expected to come again, in the order in which they will be served: start-time
 * fair queuing (Goyal, Vin, Cheng, 1996) with equal weights for the tokens.
 *
 * While several tokens wait, each gets the same share of what is refilled, however many connections it has; a token that
 * does not wait leaves its share to the others.
 * A call that comes again too early cannot be told from one more call of its token, for workers that share a token make equal
 * calls. So it is one more: the token is served as early as before, but is told the turn after those that it has.
 * A newcomer may delay reservations that were told before; such a call is told the rest of its time when it comes.
 */
export class ReservationQueue {
  #reservations: Reservation[] = [];
  /** The tag of the newest call that was served. */
  #virtualTime = 0;

  /** Drops reservations whose callers have not come again. */
  expire(now: number): void {
    if (this.#reservations.length === 0) return;
    this.#reservations = this.#reservations.filter(
      ({ toldAt }) => toldAt === undefined || now <= toldAt + RESERVATION_GRACE_MS,
    );
  }

  /** The reservation of an arriving call: one that was told to come about now, or a new one that is not yet in the queue. */
  claim(call: Pick<Reservation, 'token' | 'tool' | 'price'>, now: number): Reservation {
    const own = this.#reservations.filter(({ token }) => token === call.token);
    const due = own.find(
      ({ tool, price, toldAt }) =>
        tool === call.tool && price === call.price && toldAt !== undefined && toldAt <= now + EARLY_MS,
    );
    if (due !== undefined) return due;
    const start = Math.max(this.#virtualTime, ...own.map(({ tag }) => tag));
    return { ...call, tag: start + call.price, toldAt: undefined, scope: undefined };
  }

  /** The reservations that the tool's bucket will serve before `call`. */
  beforeInTool(call: Reservation): Reservation[] {
    return this.#reservations.filter((one) => one.tool === call.tool && isBefore(one, call));
  }

  /** The same for the tenant's bucket. A call that still waits for its tool's bucket does not need it yet. */
  beforeInTenant(call: Reservation, now: number): Reservation[] {
    return this.#reservations.filter(
      (one) => (one.scope === 'tenant' || (one.toldAt ?? now) <= now) && isBefore(one, call),
    );
  }

  /** Notes when a call was told to come again. A call beyond the bounds is told a time without a reservation. */
  reserve(call: Reservation, toldAt: number, scope: 'tenant' | 'tool'): void {
    call.toldAt = toldAt;
    call.scope = scope;
    if (this.#reservations.includes(call) || this.#reservations.length >= MAX_RESERVATIONS) return;
    const own = this.#reservations.filter(({ token }) => token === call.token).length;
    if (own < MAX_RESERVATIONS_PER_TOKEN) this.#reservations.push(call);
  }

  /** The call is served. */
  serve(call: Reservation): void {
    this.#virtualTime = Math.max(this.#virtualTime, call.tag);
    if (this.#reservations.includes(call))
      this.#reservations = this.#reservations.filter((one) => one !== call);
  }
}

/** Calls with the same tag are served in the order in which they came; `call` is the newest unless it is in the queue. */
const isBefore = (one: Reservation, call: Reservation) =>
  one !== call &&
  (one.tag < call.tag || (one.tag === call.tag && (one.toldAt ?? 0) <= (call.toldAt ?? Infinity)));
