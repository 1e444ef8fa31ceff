import type { Child } from 'hono/jsx';
import type { Entry } from '../../tenant/records/reading/entry.ts';
import { isSetback } from '../../tenant/records/record.ts';

/** What several pages are made of. */

/** A moment: the time of the day, with the date where it is of another day than `near`. */
export function Time({ at, near }: { at: string | number; near?: number }) {
  const iso = new Date(at).toISOString();
  const isSameDay = near !== undefined && iso.slice(0, 10) === new Date(near).toISOString().slice(0, 10);
  return (
    <time datetime={iso} class="time">
      {isSameDay ? '' : `${iso.slice(0, 10)} `}
      {iso.slice(11, 19)}
      <span class="ms">{iso.slice(19, 23)}</span>
    </time>
  );
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const;

/** A length of time in one unit, short enough for a column. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const unit = UNITS.find(([, size]) => ms >= 2 * size);
  if (unit !== undefined) return `${Math.round(ms / unit[1])} ${unit[0]}`;
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** How long ago something was. */
export const age = (seconds: number) => (seconds < 1 ? 'just now' : `${duration(seconds * 1000)} ago`);

export const percent = (part: number) => `${(part * 100).toFixed(part > 0 && part < 0.1 ? 1 : 0)} %`;
export const usd = (value: number) => `$${value.toFixed(value > 0 && value < 1 ? 4 : 2)}`;

const SIZES = [
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1e3],
] as const;

export function size(bytes: number): string {
  const unit = SIZES.find(([, one]) => bytes >= one);
  return unit === undefined
    ? `${bytes} B`
    : `${(bytes / unit[1]).toFixed(bytes < 10 * unit[1] ? 1 : 0)} ${unit[0]}`;
}

/** A part of a whole as a bar, beside a text that says the same. */
export const Meter = ({ part, whole }: { part: number; whole: number }) => (
  <svg class="meter" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">
    <rect class="gap" x="0" y="0" width="100" height="10" />
    {whole > 0 && <rect x="0" y="0" width={Math.round((Math.min(part, whole) / whole) * 100)} height="10" />}
  </svg>
);

/** Values of consecutive days as columns, beside a text that says the same. @param most the value of a whole column */
export const Columns = ({ values, most }: { values: readonly number[]; most: number }) => (
  <svg
    class="columns"
    viewBox={`0 0 ${values.length * 10} 40`}
    preserveAspectRatio="none"
    aria-hidden="true"
    focusable="false"
  >
    {values.map((value, day) => {
      const height = most > 0 ? Math.ceil((Math.min(value, most) / most) * 40) : 0;
      return <rect x={day * 10 + 1} y={40 - height} width="8" height={height} />;
    })}
  </svg>
);

export const count = (value: number) => value.toLocaleString('en');

export function Tiles({
  tiles,
}: {
  tiles: readonly { name: string; value: string; tone?: Tone; href?: string }[];
}) {
  return (
    <dl class="tiles">
      {tiles.map(({ name, value, tone = 'plain', href }) => (
        <div>
          <dt>{name}</dt>
          <dd class={tone}>{href === undefined ? value : <a href={href}>{value}</a>}</dd>
        </div>
      ))}
    </dl>
  );
}

export type Tone = 'plain' | 'ok' | 'warn' | 'bad';

/** How a call ended: red is a refusal or failure, yellow what an agent has to react to, such as a conflict. */
export function toneOf({ outcome, status }: Pick<Entry, 'outcome' | 'status'>): Tone {
  if (outcome === 'error' || outcome === 'refused') return 'bad';
  if (isSetback(status ?? null)) return 'warn';
  return outcome === 'started' ? 'plain' : 'ok';
}

export const endOf = ({ outcome, status, code }: Pick<Entry, 'outcome' | 'status' | 'code'>) =>
  status ?? code ?? (outcome === 'answer' ? 'ok' : outcome);

export function Status({ call }: { call: Pick<Entry, 'outcome' | 'status' | 'code' | 'times'> }) {
  return (
    <>
      <span class={`status ${toneOf(call)}`}>{endOf(call)}</span>
      {call.status !== undefined && call.code !== undefined && <span class="soft"> {call.code}</span>}
      {call.times > 1 && <span class="times"> ×{count(call.times)}</span>}
    </>
  );
}

/** Who called: the credential, which nobody can forge, then what client and agent call themselves. */
export function Caller({ call }: { call: Pick<Entry, 'token_id' | 'token_label' | 'client' | 'by'> }) {
  const claimed = [...new Set([call.client, call.by])].filter((name) => name !== undefined);
  return (
    <>
      <bdi>{call.token_label ?? call.token_id.slice(0, 8)}</bdi>
      {claimed.map((name) => (
        <>
          <span class="soft"> · </span>
          <bdi class="soft">{name}</bdi>
        </>
      ))}
    </>
  );
}

/** The arguments in one line, as the log shows them. */
export function argumentsText(args: Entry['args'] = {}): string {
  return Object.entries(args)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}

/** A query string of those parameters that are given. */
export function query(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

/** The end of a page of a list. */
export function Older({ href, text = 'Older' }: { href: string | undefined; text?: string }) {
  if (href === undefined) return null;
  return (
    <p class="older">
      <a href={href} rel="next">
        {text}
      </a>
    </p>
  );
}

export const Empty = ({ title, children }: { title: string; children?: Child }) => (
  <div class="empty">
    <p>
      <strong>{title}</strong>
    </p>
    {children}
  </div>
);

/** The head of a table. @param columns the names; one that begins with # is of numbers, which stand at the right */
export const Head = ({ columns }: { columns: readonly string[] }) => (
  <thead>
    <tr>
      {columns.map((name) => (
        <th scope="col" class={name.startsWith('#') ? 'number' : undefined}>
          {name.replace('#', '')}
        </th>
      ))}
    </tr>
  </thead>
);

/** The heading of a page, and beside it whether the page is live. */
export const Title = ({ children, live }: { children: Child; live: Child }) => (
  <div class="title">
    <h1>{children}</h1>
    {live}
  </div>
);

/**
 * Where a page says that it changes by itself, and where that is paused. The script shows it; without the script the page stays as it is.
 * @param kind `rows` are added, the `page` is drawn again when it has changed, or only numbers that depend on the `clock`
 * @param after what the page knows already: a record or a revision
 */
export const LiveMark = ({
  kind,
  after,
}: {
  kind: 'rows' | 'page' | 'clock';
  after?: number | undefined;
}) => (
  <span class="live" data-live={kind} data-after={after} hidden>
    <span role="status" />
    <button type="button">Pause</button>
  </span>
);

interface Tab {
  readonly name: string;
  readonly href: string;
  readonly isCurrent: boolean;
}

/** Filters of which one is chosen by one click. */
export const Tabs = ({ label, tabs }: { label: string; tabs: readonly Tab[] }) => (
  <nav class="tabs" aria-label={label}>
    {tabs.map(({ name, href, isCurrent }) => (
      <a href={href} aria-current={isCurrent ? 'true' : undefined}>
        {name}
      </a>
    ))}
  </nav>
);

/** A text to filter by. */
export const Field = ({ label, name, value }: { label: string; name: string; value: string | undefined }) => (
  <label>
    {label}
    <input name={name} value={value ?? ''} maxlength={256} placeholder="any" />
  </label>
);
