import { DURATION_BOUNDS, METRICS, type MetricName } from '../telemetry/metrics/metrics.ts';

/** One series of a metric: the values of its labels in their order, and its numbers as `Added` has them. */
export interface Series {
  readonly labels: readonly string[];
  readonly sums: readonly number[];
}

/** The text format of Prometheus, version 0.0.4. A metric without a series has no lines. */
export function toPrometheus(series: ReadonlyMap<MetricName, readonly Series[]>): string {
  const lines: string[] = [];
  for (const [metric, { type, help, labels: names }] of Object.entries(METRICS)) {
    const all = series.get(metric as MetricName) ?? [];
    if (all.length > 0) lines.push(`# HELP ${metric} ${escapeHelp(help)}`, `# TYPE ${metric} ${type}`);
    for (const { labels, sums } of all) {
      const pairs = names.map((name, index) => `${name}="${escapeValue(labels[index] ?? '')}"`);
      if (type === 'histogram') pushHistogram(lines, metric, pairs, sums);
      else lines.push(`${metric}${braced(pairs)} ${sums[0] ?? 0}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function pushHistogram(
  lines: string[],
  metric: string,
  pairs: readonly string[],
  sums: readonly number[],
): void {
  const count = sums[DURATION_BOUNDS.length] ?? 0;
  for (const [index, bound] of DURATION_BOUNDS.entries())
    lines.push(`${metric}_bucket${braced([...pairs, `le="${bound}"`])} ${sums[index] ?? 0}`);
  lines.push(`${metric}_bucket${braced([...pairs, 'le="+Inf"'])} ${count}`);
  lines.push(`${metric}_sum${braced(pairs)} ${sums[DURATION_BOUNDS.length + 1] ?? 0}`);
  lines.push(`${metric}_count${braced(pairs)} ${count}`);
}

const braced = (pairs: readonly string[]) => (pairs.length === 0 ? '' : `{${pairs.join(',')}}`);

const escapeHelp = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeValue = (text: string) => escapeHelp(text).replaceAll('"', '\\"');
