import { RECORDS_SCOPE } from '../../../tools/families.ts';
import { defineTool, type Tool } from '../../../tools/tool.ts';
import { recordsFollow } from './follow.ts';
import type { Reader } from './reader.ts';
import { READERS } from './readers.ts';

/** The readers as internal tools, so that reading the records is admitted, charged, recorded and logged as any other call. */

/** A reader looks at up to 25,000 records, however few it shows. */
const COST = 2;

const toolOf = (reader: Reader): Tool =>
  defineTool({
    ...reader,
    scope: RECORDS_SCOPE,
    cost: COST,
    grows: false,
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    run: (args, context) => reader.read(args, context),
  });

export const RECORD_TOOLS: readonly Tool[] = [...Object.values<Reader>(READERS), recordsFollow].map(toolOf);
