import { completionBoards, completionKeys, completionScars } from '../transport-tools/completion.ts';

/** The arguments that the person has filled in before, from which a completion may follow. */
export type FilledIn = Readonly<Record<string, string>>;

/**
 * Where the values of an argument come from: an internal tool, and what it is asked for a text that was typed so far. A new
 * source is one line here; prompts name it by `completes`.
 */
export const COMPLETION_SOURCES = {
  boards: { tool: completionBoards, args: (prefix: string) => ({ prefix }) },
  keys: {
    tool: completionKeys,
    args: (prefix: string, { run_id }: FilledIn) => ({ prefix, run_id }),
  },
  folders: {
    tool: completionKeys,
    args: (prefix: string, { run_id }: FilledIn) => ({ prefix, run_id, folders: true }),
  },
  scar_tools: { tool: completionScars, args: (prefix: string) => ({ prefix, of: 'tool' }) },
  scar_projects: { tool: completionScars, args: (prefix: string) => ({ prefix, of: 'project' }) },
} as const;

export type CompletionSource = keyof typeof COMPLETION_SOURCES;
