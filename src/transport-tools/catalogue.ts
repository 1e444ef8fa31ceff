import type { Tool } from '../tools/tool.ts';
import { completionBoards, completionKeys, completionScars } from './completion.ts';
import { CONSOLE_TOOLS } from './console.ts';
import { resourcesSubscribe, resourcesUnsubscribe } from './resource-subscribe.ts';
import { resourcesList, resourcesRead } from './resources.ts';
import { sessionClose } from './session-close.ts';
import { sessionListen } from './session-listen.ts';
import { sessionLogLevel } from './session-log-level.ts';
import { sessionOpen, streamOpen } from './session-open.ts';

/**
 * Internal tools that answer the protocol's own requests, such as `resources/read`. They run through the same pipeline as
 * every other tool, but they are not published and callers cannot name them.
 */
export const TRANSPORT_TOOLS: readonly Tool[] = [
  resourcesList,
  resourcesRead,
  resourcesSubscribe,
  resourcesUnsubscribe,
  completionBoards,
  completionKeys,
  completionScars,
  sessionOpen,
  sessionListen,
  sessionLogLevel,
  sessionClose,
  streamOpen,
  ...CONSOLE_TOOLS,
];
