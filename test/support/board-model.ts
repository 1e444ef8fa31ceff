/** The simplest implementation of one board: maps in memory. The caller sets the time and the first revision. */
import type { Answer } from './tenant.ts';

type Json = unknown;
type Claim = { id: string; by: string; fence: number; at: number; until: number };
type Ended = 'expired' | 'taken_over' | 'released' | 'deleted' | 'cell_expired';
type Cell = {
  rev: number;
  value: Json;
  by: string;
  at: number;
  expires: number | null;
  tags: string[];
  claim: Claim | undefined;
  attempts: number;
  done: boolean;
  failed: string | undefined;
  /** The end of its delay. */
  delayed: number | undefined;
};
type Event = {
  rev: number;
  op: string;
  key: string;
  /** Undefined if the author gave no name. */
  by: string | undefined;
  at: number;
  json?: string;
  expires: number | null;
};

export type WriteArgs = {
  key: string;
  by: string;
  mode: 'set' | 'merge' | 'append' | 'increment';
  value: Json;
  if_rev?: number | undefined;
  ttl_s?: number | undefined;
  tags?: string[] | undefined;
  claim_id?: string | undefined;
};

export type ReleaseArgs = {
  value?: Json;
  tags?: string[];
  delete?: boolean;
  requeue?: boolean;
  failed?: string;
  delay_s?: number;
};

const NEW_WORK = { claim: undefined, attempts: 0, done: false, failed: undefined, delayed: undefined };
const FAILED = Symbol('refused as invalid');
const tagsOf = ({ tags }: { tags: string[] }) => (tags.length === 0 ? {} : { tags });
const same = (a: Json, b: Json) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
const isObject = (value: Json): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.keys(value)
    .sort()
    .map((name) => [name, sorted(value[name])]);
}

/** What a text holds as JSON; undefined for any other value. */
function jsonIn(value: Json): Json {
  try {
    return typeof value === 'string' ? JSON.parse(value) : undefined;
  } catch {
    return undefined;
  }
}

function merged(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result: Record<string, Json> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value);
  }
  return result;
}

export class BoardModel {
  now: number;
  rev: number;
  readonly #cells = new Map<string, Cell>();
  readonly #ended = new Map<string, { key: string; rev: number; reason: Ended }>();
  readonly #events: Event[] = [];

  constructor(now: number, rev: number) {
    this.now = now;
    this.rev = rev;
  }

  /** The rev of the cell; 0 if it is absent. */
  revOf(key: string): number {
    return this.#live(key)?.rev ?? 0;
  }

  #live(key: string): Cell | undefined {
    const cell = this.#cells.get(key);
    return cell === undefined || (cell.expires !== null && this.now >= cell.expires) ? undefined : cell;
  }

  #holder(key: string): Claim | undefined {
    const claim = this.#live(key)?.claim;
    return claim !== undefined && this.now < claim.until ? claim : undefined;
  }

  #heldBy(id: string): string | undefined {
    return [...this.#cells.keys()].find((key) => this.#holder(key)?.id === id);
  }

  /** What has expired since the last call becomes events, in the order of time, before anything else happens. */
  #settle(): void {
    const due: { at: number; cells: boolean; run: () => void }[] = [];
    for (const [key, cell] of this.#cells) {
      const { claim, expires } = cell;
      const gone = expires !== null && this.now >= expires ? expires : undefined;
      if (claim !== undefined && claim.until <= this.now && (gone === undefined || claim.until < gone))
        due.push({ at: claim.until, cells: false, run: () => this.#expireClaim(key, cell) });
      if (cell.delayed !== undefined && cell.delayed <= this.now) cell.delayed = undefined;
      if (gone === undefined) continue;
      due.push({ at: gone, cells: true, run: () => this.#expireCell(key, cell) });
    }
    const order = due.toSorted((a, b) => a.at - b.at || Number(a.cells) - Number(b.cells));
    for (const { run } of order) run();
  }

  #expireClaim(key: string, cell: Cell): void {
    if (cell.claim === undefined) return;
    const { id, by, until } = cell.claim;
    cell.claim = undefined;
    this.#log('claim_expired', key, by, undefined, until);
    this.#ended.set(id, { key, rev: cell.rev, reason: 'expired' });
  }

  #expireCell(key: string, cell: Cell): void {
    this.#loseClaim(key, cell, 'cell_expired');
    this.#log('expired', key, cell.by, undefined, cell.expires ?? 0);
    this.#cells.delete(key);
  }

  /** A claim that ends by another's act. It takes a revision, but is no event. */
  #loseClaim(key: string, cell: Cell, reason: Ended): void {
    if (cell.claim === undefined) return;
    this.rev++;
    this.#ended.set(cell.claim.id, { key, rev: 0, reason });
    cell.claim = undefined;
  }

  /** What the holder of a claim that has ended is told. */
  #lost(id: string) {
    const ended = this.#ended.get(id);
    if (ended === undefined) return { reason: 'unknown' };
    const { key, reason } = ended;
    return { reason, key, rev: this.revOf(key), ...this.#whoHolds(key) };
  }

  #whoHolds(key: string) {
    const holder = this.#holder(key);
    return holder === undefined ? {} : { held_by: holder.by, retry_after_ms: holder.until - this.now };
  }

  #left(time: number | null): { expires_in_s?: number } {
    return time === null ? {} : { expires_in_s: Math.ceil((time - this.now) / 1000) };
  }

  #log(op: string, key: string, by: string | undefined, cell?: Cell, at = this.now): number {
    const about =
      cell === undefined ? { expires: null } : { json: JSON.stringify(cell.value), expires: cell.expires };
    this.#events.push({ rev: ++this.rev, op, key, by, at, ...about });
    return this.rev;
  }

  /** The answer; undefined if the call must fail with `invalid_input`. */
  write(args: WriteArgs): Answer | undefined {
    this.#settle();
    const { key } = args;
    const cell = this.#live(key);
    const holder = this.#holder(key);
    const at = { key, rev: cell?.rev ?? 0 };
    if (args.claim_id !== undefined && this.#heldBy(args.claim_id) === undefined) {
      const { key: claim_key, rev: _, ...lost } = { key: undefined, rev: 0, ...this.#lost(args.claim_id) };
      const isOther = claim_key !== undefined && claim_key !== key;
      return { status: 'claim_lost', ...at, ...lost, ...(isOther ? { claim_key } : {}) };
    }
    if (holder !== undefined && holder.id !== args.claim_id)
      return {
        status: 'claimed_by_other',
        ...at,
        held_by: holder.by,
        retry_after_ms: holder.until - this.now,
      };
    if (args.if_rev !== undefined && args.if_rev !== at.rev)
      return { status: 'conflict', ...at, ...this.#conflict(cell) };
    const value = this.#next(args, cell);
    if (value === FAILED) return undefined;
    const tags = args.tags === undefined ? (cell?.tags ?? []) : [...new Set(args.tags)].sort();
    const kept = args.mode === 'set' ? null : (cell?.expires ?? null);
    const expires = args.ttl_s === undefined ? kept : this.now + args.ttl_s * 1000;
    if (cell !== undefined && same(cell.value, value) && same(cell.tags, tags) && cell.expires === expires)
      return { status: 'unchanged', ...at, ...this.#left(expires) };
    const rev = this.#put(args.mode, key, args.by, { value, tags, expires });
    return { status: cell === undefined ? 'created' : 'updated', key, rev, ...this.#left(expires) };
  }

  #conflict(cell: Cell | undefined) {
    if (cell === undefined) return {};
    const { value, rev, by } = cell;
    const age_s = Math.floor((this.now - cell.at) / 1000);
    return { ...this.#left(cell.expires), current: { value, rev, by, age_s, ...tagsOf(cell) } };
  }

  #next({ mode, value }: WriteArgs, cell: Cell | undefined): Json {
    if (mode === 'set') return value;
    if (mode === 'merge') {
      const patch = isObject(value) ? value : isObject(jsonIn(value)) ? jsonIn(value) : FAILED;
      return patch === FAILED
        ? FAILED
        : merged(cell === undefined ? {} : (jsonIn(cell.value) ?? cell.value), patch);
    }
    const before = cell === undefined ? (mode === 'append' ? [] : 0) : cell.value;
    if (mode === 'append') return Array.isArray(before) ? [...before, value] : FAILED;
    const step = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
    return typeof before === 'number' && typeof step === 'number' ? before + step : FAILED;
  }

  #put(op: string, key: string, by: string, next: Pick<Cell, 'value' | 'tags' | 'expires'>): number {
    const held = this.#holder(key) !== undefined ? this.#live(key) : undefined;
    const queued =
      held === undefined
        ? NEW_WORK
        : {
            claim: held.claim,
            attempts: held.attempts,
            done: false,
            failed: held.failed,
            delayed: undefined,
          };
    const cell: Cell = { ...next, by, at: this.now, rev: 0, ...queued };
    cell.rev = this.#log(op, key, by, cell);
    this.#cells.set(key, cell);
    return cell.rev;
  }

  delete(key: string, if_rev?: number): Answer {
    this.#settle();
    return this.#delete(key, if_rev);
  }

  #delete(key: string, if_rev?: number): Answer {
    const rev = this.revOf(key);
    const found = rev === 0 ? 0 : 1;
    const about = { matched: found, keys: found === 1 ? [key] : [] };
    const held = this.#holder(key) === undefined ? {} : { held: 1 };
    if (if_rev !== undefined && if_rev !== rev)
      return { status: 'conflict', ...about, ...held, deleted: 0, rev };
    if (found === 0) return { status: 'none', ...about, deleted: 0 };
    this.#log('delete', key, undefined);
    const cell = this.#cells.get(key);
    if (cell !== undefined) this.#loseClaim(key, cell, 'deleted');
    this.#cells.delete(key);
    return { status: 'deleted', ...about, ...held, deleted: 1 };
  }

  read(key: string): Answer {
    this.#settle();
    const cell = this.#live(key);
    if (cell === undefined) return { key, found: false, reason: 'absent', rev: 0 };
    const { value, rev, by, attempts, failed } = cell;
    const holder = this.#holder(key);
    const state = this.#state(key, cell);
    const claim = {
      state,
      ...(holder && { by: holder.by, fence: holder.fence, age_s: Math.floor((this.now - holder.at) / 1000) }),
      ...this.#left(holder?.until ?? cell.delayed ?? null),
      ...(attempts > 0 && { attempts }),
      ...(failed !== undefined && { failed }),
    };
    const age_s = Math.floor((this.now - cell.at) / 1000);
    const shown = { key, found: true, value, rev, by, age_s, ...this.#left(cell.expires), ...tagsOf(cell) };
    return state === 'free' && attempts === 0 ? shown : { ...shown, claim };
  }

  #state(key: string, cell: Cell): string {
    if (this.#holder(key) !== undefined) return 'held';
    if (cell.done) return 'done';
    return cell.delayed !== undefined ? 'delayed' : cell.attempts >= 5 ? 'dead' : 'free';
  }

  #keysIn(state: string): string[] {
    return [...this.#cells.keys()].sort().filter((key) => {
      const cell = this.#live(key);
      if (cell === undefined) return false;
      return state === 'any' || state === this.#state(key, cell);
    });
  }

  /** Keys, revs and holders of the cells in a state. */
  list(state: string): Answer[] {
    this.#settle();
    return this.#keysIn(state).map((key) => {
      const holder = this.#holder(key);
      return { key, rev: this.revOf(key), ...(holder === undefined ? {} : { claimed_by: holder.by }) };
    });
  }

  /** The answer without the claim_id, which only the server can make. The test passes it to `name` afterwards. */
  claim(
    key: string | undefined,
    by: string,
    ttl_s: number,
    takeOver: boolean,
  ): { answer: Answer; name?: (id: string) => void } {
    this.#settle();
    const free = this.#keysIn('free').sort((a, b) => this.revOf(a) - this.revOf(b));
    const chosen = key ?? free[0];
    if (chosen === undefined) return { answer: this.#none() };
    const cell = this.#live(chosen);
    if (cell === undefined) return { answer: { status: 'none', key: chosen } };
    const holder = this.#holder(chosen);
    if (holder !== undefined && !takeOver) {
      const retry_after_ms = holder.until - this.now;
      return { answer: { status: 'held', key: chosen, rev: cell.rev, held_by: holder.by, retry_after_ms } };
    }
    this.#loseClaim(chosen, cell, 'taken_over');
    const fence = this.#log('claim', chosen, by);
    const claim = { id: '', by, fence, at: this.now, until: this.now + ttl_s * 1000 };
    cell.attempts++;
    Object.assign(cell, { claim, delayed: undefined });
    const { value, rev, attempts, failed } = cell;
    const answer = {
      ...{
        status: 'claimed',
        fence,
        key: chosen,
        value,
        rev,
        ...tagsOf(cell),
        attempts,
        expires_in_s: ttl_s,
      },
      ...(failed !== undefined && { failed }),
      ...(holder !== undefined && { taken_from: holder.by }),
    };
    return {
      answer,
      name: (id) => {
        claim.id = id;
      },
    };
  }

  #none(): Answer {
    const [held, delayed, dead] = ['held', 'delayed', 'dead'].map((state) => this.#keysIn(state));
    const ends = [
      ...(held ?? []).map((key) => this.#holder(key)?.until ?? 0),
      ...(delayed ?? []).map((key) => this.#live(key)?.delayed ?? 0),
    ];
    return {
      status: 'none',
      ...(ends.length > 0 && { retry_after_ms: Math.min(...ends) - this.now }),
      ...(held?.length && { held: held.length }),
      ...(delayed?.length && { delayed: delayed.length }),
      ...(dead?.length && { dead: dead.length }),
    };
  }

  renew(id: string, ttl_s: number): Answer {
    this.#settle();
    const key = this.#heldBy(id);
    const cell = key === undefined ? undefined : this.#live(key);
    if (cell?.claim === undefined) return { status: 'lost', ...this.#lost(id) };
    cell.claim.until = this.now + ttl_s * 1000;
    const { rev, attempts } = cell;
    return {
      status: 'renewed',
      claim_id: id,
      fence: cell.claim.fence,
      key,
      rev,
      attempts,
      expires_in_s: ttl_s,
    };
  }

  release(id: string, given: ReleaseArgs): Answer {
    this.#settle();
    // Clients with a strict schema send null for what they leave out.
    const others = [given.tags, given.delete, given.requeue, given.failed, given.delay_s];
    const isLeftOut =
      given.value === null &&
      others.some((other) => other !== undefined && other !== null && other !== false);
    const args = isLeftOut ? { ...given, value: undefined } : given;
    const key = this.#heldBy(id);
    const cell = key === undefined ? undefined : this.#live(key);
    if (key === undefined || cell?.claim === undefined) {
      const { reason, ...before } = this.#ended.get(id) ?? {};
      return reason === 'released'
        ? { status: 'already_released', ...before }
        : { status: 'lost', ...this.#lost(id) };
    }
    const { by } = cell.claim;
    const hasResult = args.delete === true || args.value !== undefined || args.tags !== undefined;
    const after = this.#afterRelease(args, cell, hasResult);
    const { value = cell.value } = args;
    const tags = [...new Set(args.tags ?? cell.tags)].sort();
    if (args.delete) {
      cell.claim = undefined;
      this.#delete(key);
    } else if (!same(value, cell.value) || !same(tags, cell.tags))
      this.#put('set', key, by, { value, tags, expires: cell.expires });
    this.#log('release', key, by);
    const left = this.#cells.get(key);
    if (left !== undefined) Object.assign(left, after);
    const done = { key, rev: left?.rev ?? 0 };
    this.#ended.set(id, { ...done, reason: 'released' });
    return { status: 'released', ...done, ...(after.attempts > 0 && { attempts: after.attempts }) };
  }

  #afterRelease(args: ReleaseArgs, { attempts, done, failed }: Cell, hasResult: boolean) {
    const delayed = args.delay_s === undefined ? undefined : this.now + args.delay_s * 1000;
    const isDone = args.value !== undefined && args.tags === undefined && !args.requeue;
    if (hasResult) return { ...NEW_WORK, done: isDone, delayed };
    if (args.requeue) {
      const counted = attempts > 5 ? 0 : attempts - 1;
      return { ...NEW_WORK, attempts: counted, failed: counted === 0 ? undefined : failed, delayed };
    }
    const failure = args.failed ?? failed;
    const waits = done || attempts >= 5 ? undefined : delayed;
    return { claim: undefined, attempts, done, failed: failure, delayed: waits };
  }

  watch(since: number): Answer {
    this.#settle();
    const events = this.#events
      .filter(({ rev }) => rev > since)
      .map(({ rev, op, key, by, at, json, expires }) => {
        const shown = json !== undefined && (expires === null || this.now < expires);
        return {
          rev,
          op,
          key,
          ...(by !== undefined && { by }),
          at: new Date(at).toISOString(),
          ...(shown ? { preview: json } : {}),
        };
      });
    return { events, next_rev: this.rev, head_rev: this.rev, more: false, reset: false };
  }
}
