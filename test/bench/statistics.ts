/** The middle of a set of measurements and how far half of them are spread around it. */
export interface Spread {
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
}

/**
 * The value below which a given part of the measurements lies, interpolated between neighbours.
 * @param part from 0 to 1
 */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/** The median with the lower and the upper quartile. */
export function spreadOf(values: readonly number[]): Spread {
  return {
    median: quantile(values, 0.5),
    lower: quantile(values, 0.25),
    upper: quantile(values, 0.75),
  };
}

/**
 * The ratios of two series that were measured in the same rounds. A slow moment of the machine is then in both values of
 * a ratio, which a ratio of two means does not achieve.
 */
export function pairedRatios(values: readonly number[], others: readonly number[]): number[] {
  return pairs(values, others).map(([value, other]) => value / other);
}

/** The differences of two series that were measured in the same rounds. */
export function pairedDifferences(values: readonly number[], others: readonly number[]): number[] {
  return pairs(values, others).map(([value, other]) => value - other);
}

function pairs(values: readonly number[], others: readonly number[]): [number, number][] {
  if (values.length !== others.length) throw new Error('the two series have different numbers of rounds');
  return values.map((value, round) => [value, others[round] ?? Number.NaN]);
}

/** Such as `1.79 (1.75 to 1.84)`. */
export function formatSpread({ median, lower, upper }: Spread, digits = 2): string {
  const text = (value: number) => value.toFixed(digits);
  return `${text(median)} (${text(lower)} to ${text(upper)})`;
}
