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

function pairs<T>(values: readonly T[], others: readonly T[]): [T, T][] {
  if (values.length !== others.length) throw new Error('the two series have different numbers of rounds');
  return values.flatMap((value, round): [T, T][] => {
    const other = others[round];
    return other === undefined ? [] : [[value, other]];
  });
}

const RESAMPLES = 400;

/**
 * How far the ratio of two quantiles can be trusted, when few measurements decide each: the ratios that other runs could have
 * given, by drawing whole rounds again with replacement (Efron's bootstrap).
 * @param values the measurements of each round
 * @param part of the quantile, from 0 to 1
 */
export function resampledRatios(
  values: readonly (readonly number[])[],
  others: readonly (readonly number[])[],
  part: number,
): number[] {
  const rounds = pairs(values, others);
  const draw = () => rounds[Math.floor(Math.random() * rounds.length)] ?? [[], []];
  return Array.from({ length: RESAMPLES }, () => {
    const drawn = rounds.map(draw);
    const ratioOf = ([a, b]: [number[], number[]]) => quantile(a, part) / quantile(b, part);
    return ratioOf([drawn.flatMap(([value]) => value), drawn.flatMap(([, other]) => other)]);
  });
}

/** Such as `1.79 (1.75 to 1.84)`. */
export function formatSpread({ median, lower, upper }: Spread, digits = 2): string {
  const text = (value: number) => value.toFixed(digits);
  return `${text(median)} (${text(lower)} to ${text(upper)})`;
}
