import { createCatalogue, TOOLS } from './tools/catalogue.ts';
import { type Sweeper, TOOL_SWEEPERS } from './tools/sweepers.ts';
import { TRANSPORT_TOOLS } from './transport-tools/catalogue.ts';
import { sweepSessions } from './transport-tools/session-store.ts';

/** All that this program serves: the published tools, and the internal ones of the transports. */
export const catalogue = createCatalogue(TOOLS, TRANSPORT_TOOLS);

/** Everything that expires in a tenant's storage. */
export const sweepers: readonly Sweeper[] = [...TOOL_SWEEPERS, sweepSessions];
