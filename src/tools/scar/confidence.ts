/** The 97.5 % quantile of the standard normal distribution: a two-sided 95 % interval. */
const Z = 1.959963984540054;

/**
 * Lower bound of the Wilson score interval (Wilson 1927) at 95 % for the share of reports that say `worked`, from 0 to 1.
 * It grows with the number of reports, so one success counts for little. 0 without any report.
 */
export function confidenceOf(worked: number, failed: number): number {
  const n = worked + failed;
  // The bound is exactly 0 here, but floating point would give a value just above it.
  if (worked === 0) return 0;
  const share = worked / n;
  const centre = share + Z ** 2 / (2 * n);
  const margin = Z * Math.sqrt((share * (1 - share) + Z ** 2 / (4 * n)) / n);
  return Math.min(1, Math.max(0, (centre - margin) / (1 + Z ** 2 / n)));
}
