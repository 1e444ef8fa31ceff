import { debugFailure } from './debug-failure.ts';
import { handOver } from './hand-over.ts';
import type { Prompt } from './prompt.ts';
import { workQueue } from './work-queue.ts';

/** Every prompt, one line for each, in the order of the menu. */
export const PROMPTS: readonly Prompt[] = [handOver, workQueue, debugFailure];
