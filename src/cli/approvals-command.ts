import type { Decision, PolicyChange } from './approvals-client.ts';
import { usageError } from './terminal.ts';

/** The commands about the calls that a person must approve. */

export type ApprovalCommand =
  | { name: 'policy'; id: string; changes: readonly PolicyChange[]; data: string | undefined }
  | {
      name: 'approvals';
      id: string;
      act:
        | { kind: 'list' }
        | { kind: 'show'; approval: string }
        | ({ kind: 'decide'; approval: string } & Decision);
      data: string | undefined;
    };

/** The options of the command line that these commands take. */
export interface ApprovalOptions {
  readonly tool?: readonly string[] | undefined;
  readonly approval?: boolean | undefined;
  readonly 'no-approval'?: boolean | undefined;
  readonly unset?: boolean | undefined;
  readonly destructive?: boolean | undefined;
  readonly standing?: boolean | undefined;
  readonly reason?: string | undefined;
  readonly data?: string | undefined;
}

const ACTIONS = ['list', 'show', 'approve', 'refuse'] as const;
const LOCAL = 'local';

export const isApprovalCommand = (command: { readonly name: string }): command is ApprovalCommand =>
  command.name === 'policy' || command.name === 'approvals';

/** @param words the tenant, and for `approvals` what to do with which held call */
export function approvalCommand(
  name: ApprovalCommand['name'],
  words: readonly string[],
  given: ApprovalOptions,
): ApprovalCommand {
  const [id = '', ...act] = words;
  const { data } = given;
  if (data !== undefined && id !== LOCAL)
    throw usageError(
      `--data is for a local server, whose tenant is called ${LOCAL}. Write ${name} ${LOCAL}.`,
    );
  if (name === 'policy') return { name, id, changes: changesOf(given), data };
  return { name, id, act: actOf(act, given), data };
}

function changesOf(given: ApprovalOptions): PolicyChange[] {
  const { tool, destructive = false, unset = false } = given;
  const wanted = [given.approval, given['no-approval'], unset].filter(Boolean);
  const isChange = tool !== undefined || destructive || wanted.length > 0;
  if (!isChange) return [];
  if (wanted.length !== 1)
    throw usageError('policy needs one of --approval, --no-approval and --unset to change something.');
  if ((tool === undefined) !== destructive)
    throw usageError('policy changes --tool NAME or --destructive. Give one of them.');
  if (destructive) {
    if (unset) throw usageError('--destructive is on or off: use --approval or --no-approval.');
    return [{ destructive: given.approval === true }];
  }
  const approval = unset ? null : given.approval === true;
  return (tool ?? []).flatMap((names) => names.split(',')).map((named) => ({ tool: named, approval }));
}

type Act = Extract<ApprovalCommand, { name: 'approvals' }>['act'];

function actOf([word = 'list', approval, surplus]: readonly string[], given: ApprovalOptions): Act {
  const action = ACTIONS.find((one) => one === word);
  if (action === undefined) throw usageError(`approvals takes ${ACTIONS.join(', ')}, and not ${word}.`);
  const unfit = surplus ?? (action === 'list' ? approval : undefined);
  if (unfit !== undefined) throw usageError(`${unfit} is one argument too many.`);
  const { standing, reason } = given;
  if (standing === true && action !== 'approve') throw usageError('--standing is for approve alone.');
  if (reason !== undefined && action !== 'approve' && action !== 'refuse')
    throw usageError('--reason is for approve and refuse.');
  if (action === 'list') return { kind: 'list' };
  if (approval === undefined)
    throw usageError(`approvals ID ${action} needs the id of a held call, as \`approvals ID\` shows it.`);
  if (action === 'show') return { kind: 'show', approval };
  if (action === 'refuse' && reason === undefined)
    throw usageError('refuse needs --reason TEXT, which the agent is told.');
  return { kind: 'decide', approval, decision: action, standing: standing ? true : undefined, reason };
}
