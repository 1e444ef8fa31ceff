import { escapeSeparators, toJsonLine } from '../json/json-line.ts';
import type { AdminClient, ListQuery, TenantPage } from './admin-client.ts';
import { CliError, printable } from './terminal.ts';

/** `tenant list`: printed page by page as the pages arrive, so that its memory does not grow with the list. */

/** Prints a part of the output. @returns false when nobody reads it any more */
export type Write = (text: string) => Promise<boolean>;

type Entry = TenantPage['tenants'][number];

/** Turns pages into text, each as it arrives. */
interface Format {
  page(tenants: readonly Entry[]): string;
  /** The last part. `error`: the list broke off after what was printed. */
  end(rest: { next_cursor: string | undefined; error: CliError | undefined }): string;
}

/**
 * Prints the tenants that `query` selects.
 * @returns the failure to read a page, after which the output is still one JSON document, or whole lines
 */
export async function printList(
  client: Pick<AdminClient, 'pages'>,
  query: ListQuery,
  json: boolean,
  write: Write,
): Promise<CliError | undefined> {
  const format = json ? jsonFormat() : textFormat(query);
  let next_cursor: string | undefined;
  try {
    for await (const page of client.pages(query)) {
      next_cursor = page.next_cursor;
      if (page.tenants.length > 0 && !(await write(format.page(page.tenants)))) return undefined;
    }
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    await write(format.end({ next_cursor: undefined, error }));
    return error;
  }
  await write(format.end({ next_cursor, error: undefined }));
  return undefined;
}

/** One JSON document. After a failure it has the member `error` beside the tenants that were read before. */
function jsonFormat(): Format {
  let isEmpty = true;
  return {
    page: (tenants) => {
      const opening = isEmpty ? '{\n  "tenants": [\n' : ',\n';
      isEmpty = false;
      return opening + tenants.map((tenant) => `    ${toJsonLine(tenant)}`).join(',\n');
    },
    end: ({ next_cursor, error }) => {
      const problem = error && { code: error.code, message: error.message };
      if (isEmpty)
        return `${escapeSeparators(JSON.stringify(error ? { error: problem } : { tenants: [] }, null, 2))}\n`;
      const members = Object.entries({ next_cursor, error: problem }).filter(
        ([, value]) => value !== undefined,
      );
      return `\n  ]${members.map(([name, value]) => `,\n  "${name}": ${escapeSeparators(JSON.stringify(value))}`).join('')}\n}\n`;
    },
  };
}

const HEADER: Entry = { id: 'TENANT', status: 'active', created_at: 'CREATED' };
const STATUS_WIDTH = 'suspended'.length;

function textFormat({ prefix, status }: ListQuery): Format {
  let idWidth = 0;
  const line = ({ id, created_at }: Entry, shown: string) =>
    `${printable(id).padEnd(idWidth)}  ${shown.padEnd(STATUS_WIDTH)}  ${printable(created_at)}\n`;
  return {
    page: (tenants) => {
      const header = idWidth === 0 ? [HEADER] : [];
      for (const { id } of [...header, ...tenants]) idWidth = Math.max(idWidth, id.length);
      return [
        ...header.map((entry) => line(entry, 'STATUS')),
        ...tenants.map((entry) => line(entry, entry.status)),
      ].join('');
    },
    end: ({ next_cursor, error }) => {
      if (error !== undefined) return '';
      if (next_cursor !== undefined)
        return 'There are more tenants. Show them with --all or a higher --limit.\n';
      if (idWidth > 0) return '';
      return prefix === undefined && status === undefined
        ? 'There are no tenants. Create one with `create ID`.\n'
        : 'No tenant matches. Show all of them with `list`.\n';
    },
  };
}

/** Writes to standard output, and waits while its reader is slower than the server. */
export function stdoutWriter(): Write {
  // Without a listener, a reader that has gone (`list | head`) would end the program with a stack trace.
  process.stdout.on('error', () => {});
  return (text) => new Promise((resolve) => process.stdout.write(text, (error) => resolve(!error)));
}
