import * as z from 'zod';

/** What a test asks of the agent. */
export const Order = z.discriminatedUnion('do', [
  z.strictObject({
    do: z.literal('connect'),
    url: z.url(),
    /** Without one the agent signs in. */
    token: z.string().optional(),
    transport: z.enum(['streamable-http', 'sse']),
    era: z.enum(['legacy', 'auto']),
  }),
  z.strictObject({ do: z.literal('list') }),
  z.strictObject({ do: z.literal('call'), name: z.string(), args: z.record(z.string(), z.unknown()) }),
  z.strictObject({ do: z.literal('disconnect') }),
]);

export type Order = z.infer<typeof Order>;
