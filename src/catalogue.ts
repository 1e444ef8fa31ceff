import { RECORD_TOOLS } from './tenant/records/reading/tools.ts';
import { createCatalogue, sweepersOf, TOOLS } from './tools/catalogue.ts';
import { TRANSPORT_TOOLS } from './transport-tools/catalogue.ts';

/** Every tool that this program serves: the published ones, and the internal ones. */
export const catalogue = createCatalogue(TOOLS, [...TRANSPORT_TOOLS, ...RECORD_TOOLS]);

/** Deletes what has expired in a tenant's storage: one sweeper for each part of the storage in which rows expire. */
export const sweepers = sweepersOf(catalogue.all);
