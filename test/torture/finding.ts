/** What a scenario found out: one row of the table. */
export interface Finding {
  readonly item: string;
  readonly value: string;
  readonly aim: string;
  readonly isMet: boolean;
  /**
   * A bound is a count or a size, which the machine's speed does not change: breaking it fails the run. An aim is a time
   * or a share of memory, and is only printed.
   */
  readonly kind: 'bound' | 'aim';
}

type Value = { readonly item: string; readonly value: number; readonly unit?: string };

const text = (value: number, unit = '') =>
  `${Number.isInteger(value) ? value : value.toFixed(1)}${unit === '' ? '' : ` ${unit}`}`;

/** A value that must be at most `most`. */
export function atMost(kind: Finding['kind'], { item, value, unit }: Value, most: number): Finding {
  return { item, value: text(value, unit), aim: `at most ${text(most, unit)}`, isMet: value <= most, kind };
}

/** A value that must be at least `least`. */
export function atLeast(kind: Finding['kind'], { item, value, unit }: Value, least: number): Finding {
  return {
    item,
    value: text(value, unit),
    aim: `at least ${text(least, unit)}`,
    isMet: value >= least,
    kind,
  };
}

/** Whether a finding fails the run. */
export const isBroken = ({ isMet, kind }: Finding) => !isMet && kind === 'bound';

export function rowOf({ item, value, aim, isMet, kind }: Finding) {
  return { item, value, aim, ok: isMet ? 'yes' : kind === 'bound' ? 'BROKEN' : 'missed' };
}
