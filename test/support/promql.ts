import { parser } from '@prometheus-io/lezer-promql';

/** What a query of PromQL names. */
export interface Promql {
  /** The texts that do not belong to the grammar, which includes the names of the functions. */
  readonly errors: readonly string[];
  readonly metrics: readonly string[];
  /** Labels in matchers and groupings. */
  readonly labels: readonly string[];
}

/** Reads a query with the grammar that Prometheus itself uses for its page. */
export function readPromql(query: string): Promql {
  const errors: string[] = [];
  const metrics = new Set<string>();
  const labels = new Set<string>();
  parser.parse(query).iterate({
    enter: ({ name, from, to, type }) => {
      const text = query.slice(from, to);
      if (type.isError) errors.push(`${text} at ${from}`);
      else if (name === 'Identifier') metrics.add(text);
      else if (name === 'LabelName') labels.add(text);
    },
  });
  return { errors, metrics: [...metrics], labels: [...labels] };
}
