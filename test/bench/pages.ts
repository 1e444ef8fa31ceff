import { countWritePages } from '../support/write-pages.ts';
import { formatTable } from './table.ts';

/** Prints which pages a guarded write dirties: `npm run bench:pages`. */

const WARM = 6000;
const COUNTED = 3200;
/** Tables with fewer pages a write are left out. */
const SHOWN = 0.01;

const { byName, pages, bytes } = countWritePages(WARM, COUNTED);
const rows = byName
  .filter(([, count]) => count >= SHOWN)
  .map(([name, count]) => ({ 'table or index': name, 'pages of a write': count.toFixed(2) }));
console.log(formatTable(rows));
console.log(`\nA guarded blackboard_write dirties ${pages.toFixed(2)} database pages: ${(bytes / 1024).toFixed(1)} KiB, in the write-ahead
log and, once for many writes, in the database.`);
