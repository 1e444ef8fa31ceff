import { afterEach, beforeEach, vi } from 'vitest';
import { dropLines, holdLines, printLines } from './console-lines.ts';

holdLines();
beforeEach(dropLines);
afterEach(({ task }) => {
  if (task.result?.state === 'fail') printLines();
});

// Test files share an isolate: a clock that one test set must not be the next one's.
afterEach(() => void vi.useRealTimers());
