/** Reading the text format of Prometheus, as strictly as its own parser does. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/;
const SAMPLE = new RegExp(
  `^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\\{(${LABEL.source}(?:,${LABEL.source})*)\\})? (\\S+)$`,
);

const unescaped = (text: string) =>
  text.replaceAll(/\\(["\\n])/g, (_, char: string) => (char === 'n' ? '\n' : char));

/** @throws Error at a line that is not of the format, or a series that comes twice */
export function parsePrometheus(text: string): Sample[] {
  const samples: Sample[] = [];
  const seen = new Set<string>();
  if (!text.endsWith('\n')) throw new Error('the text does not end with a line feed');
  for (const line of text.slice(0, -1).split('\n')) {
    if (/^# (?:HELP|TYPE) [a-z_]+ .+$/.test(line)) continue;
    const [, name = '', pairs = '', , , , , number = ''] = SAMPLE.exec(line) ?? [];
    const value = Number(number);
    if (name === '' || Number.isNaN(value)) throw new Error(`not a sample: ${line}`);
    const labels: Record<string, string> = {};
    for (const [, label = '', escaped = ''] of pairs.matchAll(new RegExp(LABEL, 'g')))
      labels[label] = unescaped(escaped);
    const series = `${name} ${JSON.stringify(labels)}`;
    if (seen.has(series)) throw new Error(`twice: ${series}`);
    seen.add(series);
    samples.push({ name, labels, value });
  }
  return samples;
}

/** The value of the only sample with this name and these labels, which may be some of its labels. */
export function sampleOf(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const found = samples.filter(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  if (found.length > 1) throw new Error(`${found.length} samples of ${name}`);
  return found[0]?.value;
}
