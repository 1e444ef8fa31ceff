import * as z from 'zod';
import { tenantPath } from './admin-client.ts';
import type { AdminRequests } from './admin-requests.ts';
import type { UsageCommand } from './tenant-command.ts';
import type { Output } from './tenant-output.ts';
import { humanBytes, printable, table } from './terminal.ts';

/** `tenant usage`: what a tenant has used, as a table or as CSV. */

const usedSchema = z.object({
  calls: z.number(),
  failed: z.number(),
  refused: z.number(),
  charged: z.number(),
  work: z.number(),
  bytes_in: z.number(),
  bytes_out: z.number(),
  saved_usd: z.number(),
});
type Used = z.infer<typeof usedSchema>;

const usageSchema = z.object({
  id: z.string(),
  by: z.string(),
  since: z.string(),
  until: z.string(),
  usage: z.array(
    usedSchema.extend({
      day: z.string().optional(),
      month: z.string().optional(),
      tool: z.string().optional(),
      token_id: z.string().optional(),
      label: z.string().optional(),
      client: z.string().optional(),
    }),
  ),
  total: usedSchema,
});
type UsageAnswer = z.infer<typeof usageSchema>;

export function usageOf(admin: AdminRequests, { id, by, since, until }: UsageCommand): Promise<UsageAnswer> {
  const query = new URLSearchParams({
    by,
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  });
  return admin.request('GET', `${tenantPath(id)}/usage?${query}`, usageSchema);
}

const COLUMNS = Object.keys(usedSchema.shape) as (keyof Used)[];

/** @param csv for spreadsheets rather than for people */
export function usageOutput(answer: UsageAnswer, csv: boolean): Output {
  return { document: answer, text: csv ? csvOf(answer) : textOf(answer) };
}

type Row = UsageAnswer['usage'][number];
const nameOf = ({ day, month, tool, token_id, client }: Row) =>
  day ?? month ?? tool ?? token_id ?? client ?? '';

function textOf({ by, usage, total, since, until }: UsageAnswer): string {
  const range = `from ${since} to ${until}`;
  if (usage.length === 0) return `Nothing was called ${range}.`;
  const hasLabels = by === 'token';
  const row = (name: string, label: string, used: Used) => [
    name,
    ...(hasLabels ? [label] : []),
    String(used.calls),
    String(used.failed),
    String(used.refused),
    String(used.work),
    humanBytes(used.bytes_in),
    humanBytes(used.bytes_out),
    `$${used.saved_usd.toFixed(2)}`,
  ];
  const heading = [
    by.toUpperCase(),
    ...(hasLabels ? ['LABEL'] : []),
    ...['CALLS', 'FAILED', 'REFUSED', 'TOKENS', 'IN', 'OUT', 'SAVED'],
  ];
  const rows = usage.map((one) => row(nameOf(one) || '(no name)', one.label ?? '', one));
  return `${table([heading, ...rows, row('total', '', total)])}\n\n${range}`;
}

/** RFC 4180, with a heading. */
function csvOf({ by, usage }: UsageAnswer): string {
  const hasLabels = by === 'token';
  const heading = [by === 'token' ? 'token_id' : by, ...(hasLabels ? ['label'] : []), ...COLUMNS];
  const rows = usage.map((one) => [
    cell(nameOf(one)),
    ...(hasLabels ? [cell(one.label ?? '')] : []),
    ...COLUMNS.map((column) => String(one[column])),
  ]);
  return [heading, ...rows].map((row) => row.join(',')).join('\r\n');
}

/** A text that a spreadsheet would run as a formula, in some languages also in full width, is marked as text. */
function cell(text: string): string {
  const shown = printable(text);
  const safe = /^[=+\-@＝＋－＠]/.test(shown) ? `'${shown}` : shown;
  // Where commas stand in numbers, spreadsheets separate by semicolons.
  return /[",;]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
