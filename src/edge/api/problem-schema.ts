import * as z from 'zod';
import { toolErrorSchema } from '../../tools/errors.ts';

/** The problem details (RFC 9457) that this server sends for every error. */
export const problemSchema = toolErrorSchema
  .omit({ message: true })
  .extend({
    type: z.literal('about:blank'),
    title: z.string().describe('The reason phrase of the status.'),
    status: z.int(),
    detail: toolErrorSchema.shape.message,
    code: z.string().describe('A word for programs. Each status lists the codes that it has.'),
    retryable: toolErrorSchema.shape.retryable.optional(),
  })
  .loose();
