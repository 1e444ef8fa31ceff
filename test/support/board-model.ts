/** The simplest implementation of one board: maps in memory. The caller sets the time and the first revision. */
import type { Answer } from './tenant.ts';

type Json = unknown;
type Claim = { id: string; by: string; fence: number; until: number };
type Cell = {
  rev: number;
  value: Json;
  by: string;
  at: number;
  expires: number | null;
  tags: string[];
  claim: Claim | undefined;
  attempts: number;
};
type Event = {
  rev: number;
  op: string;
  key: string;
  by: string;
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

const FAILED = Symbol('refused as invalid');
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
  readonly #released = new Map<string, { key: string; rev: number }>();
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

  #left(time: number | null): { expires_in_s?: number } {
    return time === null ? {} : { expires_in_s: Math.ceil((time - this.now) / 1000) };
  }

  #log(op: string, key: string, by: string, cell?: Cell): number {
    const about =
      cell === undefined ? { expires: null } : { json: JSON.stringify(cell.value), expires: cell.expires };
    this.#events.push({ rev: ++this.rev, op, key, by, at: this.now, ...about });
    return this.rev;
  }

  /** The answer; undefined if the call must fail with `invalid_input`. */
  write(args: WriteArgs): Answer | undefined {
    const { key } = args;
    const cell = this.#live(key);
    const holder = this.#holder(key);
    const at = { key, rev: cell?.rev ?? 0 };
    if (args.claim_id !== undefined && this.#heldBy(args.claim_id) === undefined)
      return { status: 'claim_lost', ...at };
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
    const { value, rev, by, tags } = cell;
    const age_s = Math.floor((this.now - cell.at) / 1000);
    return { ...this.#left(cell.expires), current: { value, rev, by, age_s, tags } };
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
    const cell = { ...next, by, at: this.now, rev: 0, claim: held?.claim, attempts: held?.attempts ?? 0 };
    cell.rev = this.#log(op, key, by, cell);
    this.#cells.set(key, cell);
    return cell.rev;
  }

  delete(key: string, principal: string, if_rev?: number): Answer {
    const rev = this.revOf(key);
    const found = rev === 0 ? 0 : 1;
    const about = { matched: found, keys: found === 1 ? [key] : [] };
    const held = this.#holder(key) === undefined ? {} : { held: 1 };
    if (if_rev !== undefined && if_rev !== rev)
      return { status: 'conflict', ...about, ...held, deleted: 0, rev };
    if (found === 0) return { status: 'none', ...about, deleted: 0 };
    this.#log('delete', key, principal);
    this.#cells.delete(key);
    return { status: 'deleted', ...about, ...held, deleted: 1 };
  }

  read(key: string): Answer {
    const cell = this.#live(key);
    if (cell === undefined) return { key, found: false, reason: 'absent', rev: 0 };
    const { value, rev, by, tags, attempts } = cell;
    const holder = this.#holder(key);
    const dead = attempts >= 5 ? 'dead' : 'free';
    const claim =
      holder !== undefined
        ? { state: 'held', by: holder.by, fence: holder.fence, ...this.#left(holder.until), attempts }
        : { state: dead, attempts };
    const age_s = Math.floor((this.now - cell.at) / 1000);
    const shown = { key, found: true, value, rev, by, age_s, ...this.#left(cell.expires), tags };
    return attempts === 0 ? shown : { ...shown, claim };
  }

  #keysIn(state: string): string[] {
    return [...this.#cells.keys()].sort().filter((key) => {
      const cell = this.#live(key);
      if (cell === undefined) return false;
      const held = this.#holder(key) !== undefined;
      return state === 'any' || state === (held ? 'held' : cell.attempts >= 5 ? 'dead' : 'free');
    });
  }

  /** Keys, revs and holders of the cells in a state. */
  list(state: string): Answer[] {
    return this.#keysIn(state).map((key) => {
      const holder = this.#holder(key);
      return { key, rev: this.revOf(key), ...(holder === undefined ? {} : { claimed_by: holder.by }) };
    });
  }

  /** The answer without the claim_id, which only the server can make. The test passes it to `name` afterwards. */
  claim(key: string | undefined, by: string, ttl_s: number): { answer: Answer; name?: (id: string) => void } {
    const free = this.#keysIn('free').sort((a, b) => this.revOf(a) - this.revOf(b));
    const chosen = key ?? free[0];
    if (chosen === undefined) return { answer: this.#none() };
    const cell = this.#live(chosen);
    if (cell === undefined) return { answer: { status: 'none', key: chosen } };
    const holder = this.#holder(chosen);
    if (holder !== undefined) {
      const retry_after_ms = holder.until - this.now;
      return { answer: { status: 'held', key: chosen, rev: cell.rev, held_by: holder.by, retry_after_ms } };
    }
    const fence = this.#log('claim', chosen, by);
    const claim = { id: '', by, fence, until: this.now + ttl_s * 1000 };
    cell.claim = claim;
    cell.attempts++;
    const { value, rev, tags, attempts } = cell;
    const answer = { status: 'claimed', fence, key: chosen, value, rev, tags, attempts, expires_in_s: ttl_s };
    return {
      answer,
      name: (id) => {
        claim.id = id;
      },
    };
  }

  #none(): Answer {
    const ends = this.#keysIn('held').map((key) => this.#holder(key)?.until ?? 0);
    const dead = this.#keysIn('dead').length;
    return {
      status: 'none',
      ...(ends.length === 0 ? {} : { retry_after_ms: Math.min(...ends) - this.now }),
      ...(dead === 0 ? {} : { dead }),
    };
  }

  renew(id: string, ttl_s: number): Answer {
    const key = this.#heldBy(id);
    const cell = key === undefined ? undefined : this.#live(key);
    if (cell?.claim === undefined) return { status: 'lost' };
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

  release(
    id: string,
    result: { value?: Json; tags?: string[]; delete?: boolean },
    principal: string,
  ): Answer {
    const key = this.#heldBy(id);
    const cell = key === undefined ? undefined : this.#live(key);
    if (key === undefined || cell?.claim === undefined) {
      const before = this.#released.get(id);
      return before === undefined ? { status: 'lost' } : { status: 'already_released', ...before };
    }
    const { by } = cell.claim;
    const { attempts } = cell;
    const { value = cell.value } = result;
    const tags = [...new Set(result.tags ?? cell.tags)].sort();
    if (result.delete) this.delete(key, principal);
    else if (!same(value, cell.value) || !same(tags, cell.tags)) {
      this.#put('set', key, by, { value, tags, expires: cell.expires });
    }
    this.#log('release', key, by);
    const empty = Object.keys(result).length === 0;
    const after = this.#cells.get(key);
    if (after !== undefined) Object.assign(after, { claim: undefined, attempts: empty ? attempts : 0 });
    const done = { key, rev: after?.rev ?? 0 };
    this.#released.set(id, done);
    return { status: 'released', ...done, ...(empty ? { attempts } : {}) };
  }

  watch(since: number): Answer {
    const events = this.#events
      .filter(({ rev }) => rev > since)
      .map(({ rev, op, key, by, at, json, expires }) => {
        const shown = json !== undefined && (expires === null || this.now < expires);
        return { rev, op, key, by, at: new Date(at).toISOString(), ...(shown ? { preview: json } : {}) };
      });
    return { events, next_rev: this.rev, head_rev: this.rev, more: false, reset: false };
  }
}
