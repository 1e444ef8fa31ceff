import * as z from 'zod';

/** The parameters that every list in pages has. @param most entries that a page may have @param usual how many it has otherwise */
export const pageQuery = (most: number, usual: number) => ({
  limit: z.coerce
    .number({ error: `must be a whole number from 1 to ${most}` })
    .int()
    .min(1)
    .max(most)
    .default(usual),
  cursor: z.string().max(512, { error: 'must be the next_cursor of the page before' }).default(''),
});
