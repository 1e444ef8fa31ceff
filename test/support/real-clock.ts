import { afterEach, vi } from 'vitest';

// Test files share an isolate: a clock that one test set must not be the next one's.
afterEach(() => void vi.useRealTimers());
