/** Draws figures as SVG that can be read on a light and on a dark page. Every value is written beside its mark as text. */

const WIDTH = 880;
const NAME_WIDTH = 300;
const VALUE_WIDTH = 120;
const ROW = 24;
const HEAD = 52;
const FOOT = 34;
const PLOT = WIDTH - NAME_WIDTH - VALUE_WIDTH;

const STYLE = `
text { font: 13px system-ui, sans-serif; fill: #1b1f24; }
.head { font-weight: 600; }
.small { font-size: 11px; fill: #5a6472; }
.end { text-anchor: end; }
.mid { text-anchor: middle; }
.page { fill: #fff; }
.grid { stroke: #e2e7ee; }
.aim { stroke: #b4443c; stroke-dasharray: 4 3; }
.bar { fill: #8aa4c8; }
.own { fill: #3c7d4a; }
.from { fill: #fff; stroke: #5a6472; stroke-width: 1.5; }
.to { fill: #2f5f9e; }
.move { stroke: #8aa4c8; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
text { fill: #e8ebef; }
.small { fill: #a3adba; }
.page { fill: #14171b; }
.grid { stroke: #2a313a; }
.aim { stroke: #f0857d; }
.bar { fill: #55719b; }
.own { fill: #6cc17e; }
.from { fill: #14171b; stroke: #a3adba; }
.to { fill: #8fbcff; }
.move { stroke: #55719b; }
}`;

const escapeText = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

interface Head {
  readonly title: string;
  /** What the marks mean, and the unit. */
  readonly legend: string;
}

/** @param height of the rows, in pixels */
function draw({ title, legend }: Head, height: number, content: readonly string[]): string {
  const total = HEAD + height + FOOT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${total}" width="${WIDTH}" height="${total}" role="img" aria-labelledby="title">`,
    `<title id="title">${escapeText(`${title}: ${legend}`)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${WIDTH}" height="${total}"/>`,
    `<text class="head" x="12" y="22">${escapeText(title)}</text>`,
    `<text class="small" x="12" y="40">${escapeText(legend)}</text>`,
    ...content,
    '</svg>',
    '',
  ].join('\n');
}

const rowAt = (row: number) => HEAD + row * ROW + ROW / 2;
const nameAt = (name: string, y: number) =>
  `<text class="end" x="${NAME_WIDTH - 12}" y="${y + 4}">${escapeText(name)}</text>`;
const valueAt = (value: string, y: number) =>
  `<text class="end" x="${WIDTH - 12}" y="${y + 4}">${escapeText(value)}</text>`;

export interface Bar {
  readonly name: string;
  readonly value: number;
  /** The value as text, with its unit or spread. */
  readonly shown: string;
  readonly isOwn: boolean;
}

/** Horizontal bars from zero. */
export function barChart(head: Head, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const rows = bars.flatMap(({ name, value, shown, isOwn }, row) => {
    const y = rowAt(row);
    const width = ((PLOT * value) / most).toFixed(1);
    return [
      nameAt(name, y),
      `<rect class="${isOwn ? 'own' : 'bar'}" x="${NAME_WIDTH}" y="${y - 7}" width="${width}" height="14"/>`,
      valueAt(shown, y),
    ];
  });
  return draw(head, bars.length * ROW, rows);
}

export interface Growth {
  readonly name: string;
  /** In the smallest and in the largest tenant, in microseconds. */
  readonly from: number;
  readonly to: number;
}

const MIN_US = 10;
const MAX_US = 100_000;
const DECADES = [10, 100, 1_000, 10_000, 100_000];

const logAt = (us: number) => {
  const part = Math.log(Math.min(Math.max(us, MIN_US), MAX_US) / MIN_US) / Math.log(MAX_US / MIN_US);
  return Number((NAME_WIDTH + PLOT * part).toFixed(1));
};

/** Microseconds as milliseconds. */
export const milliseconds = (us: number) => (us / 1_000).toFixed(us < 1_000 ? 2 : 1);

/**
 * Each time in the smallest tenant (a ring) and in the largest (a dot), on a logarithmic axis.
 * @param aim what it should be at most, in microseconds
 */
export function growthChart(head: Head, aim: number, times: readonly Growth[]): string {
  const height = times.length * ROW;
  const bottom = HEAD + height;
  const axis = DECADES.flatMap((us) => [
    `<line class="grid" x1="${logAt(us)}" y1="${HEAD}" x2="${logAt(us)}" y2="${bottom}"/>`,
    `<text class="small mid" x="${logAt(us)}" y="${bottom + 18}">${us / 1_000} ms</text>`,
  ]);
  const line = `<line class="aim" x1="${logAt(aim)}" y1="${HEAD}" x2="${logAt(aim)}" y2="${bottom}"/>`;
  const rows = times.flatMap(({ name, from, to }, row) => {
    const y = rowAt(row);
    return [
      nameAt(name, y),
      `<line class="move" x1="${logAt(from)}" y1="${y}" x2="${logAt(to)}" y2="${y}"/>`,
      `<circle class="from" cx="${logAt(from)}" cy="${y}" r="4"/>`,
      `<circle class="to" cx="${logAt(to)}" cy="${y}" r="4"/>`,
      valueAt(`${milliseconds(from)} → ${milliseconds(to)} ms`, y),
    ];
  });
  return draw(head, height, [...axis, line, ...rows]);
}
