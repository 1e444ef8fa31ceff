import { startHostileServer } from '../support/hostile-server.ts';

/** A hostile service in a process of its own. It sends its URL to its parent, and ends with it. */

const { url } = await startHostileServer();
process.once('disconnect', () => process.exit());
process.send?.(url);
