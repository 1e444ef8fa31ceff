import type { Later } from '../../tenant/contract/timer.ts';

/** The timer of the platform. Tests pass one of their own. */
export const later: Later = (ms, task) => {
  const timer = setTimeout(task, ms);
  return () => clearTimeout(timer);
};
