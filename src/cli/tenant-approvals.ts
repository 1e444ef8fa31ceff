import { jsonText } from '../json/text.ts';
import type {
  ApprovalsAccess,
  CallAnswer,
  DetailAnswer,
  ListAnswer,
  PolicyAnswer,
} from './approvals-client.ts';
import type { ApprovalCommand } from './approvals-command.ts';
import type { Output } from './tenant-output.ts';
import { printable, table } from './terminal.ts';

/** The commands about the calls that a person must approve. */
export async function performForApprovals(
  access: ApprovalsAccess,
  command: ApprovalCommand,
): Promise<Output> {
  const { id } = command;
  if (command.name === 'policy') {
    let policy = command.changes.length === 0 ? await access.policy(id) : undefined;
    for (const change of command.changes) policy = await access.changePolicy(id, change);
    return policyOutput(policy ?? (await access.policy(id)));
  }
  const { act } = command;
  if (act.kind === 'list') return listOutput(id, await access.list(id));
  if (act.kind === 'show') return detailOutput(await access.show(id, act.approval));
  const { kind: _, approval, ...decision } = act;
  return decidedOutput(await access.decide(id, approval, decision));
}

function policyOutput(policy: PolicyAnswer): Output {
  const own = Object.entries(policy.tools).map(([tool, approval]) => [tool, approval ? 'needed' : 'never']);
  const facts = [
    ['tools that may destroy something', policy.destructive ? 'need approval' : 'as any other'],
    ...own,
  ];
  const needed =
    policy.needs_approval.length === 0
      ? 'No call needs approval.'
      : `Calls that need approval: ${policy.needs_approval.map(printable).join(', ')}.`;
  return { document: policy, text: `${table(facts)}\n\n${needed}` };
}

const agentOf = ({ token_label, token_id, client }: CallAnswer) =>
  [token_label ?? token_id, client ?? ''].filter(Boolean).join(', ');

function listOutput(id: string, answer: ListAnswer): Output {
  const calls = answer.approvals.map((call) => [
    call.approval_id,
    call.state,
    call.tool,
    agentOf(call),
    call.held_at,
    call.state === 'pending' || call.state === 'approved' ? call.expires_at : '',
    call.decided_by ?? '',
  ]);
  const standing = answer.standing.map((one) => [
    one.approval_id,
    one.tool,
    one.token_label ?? one.token_id,
    one.expires_at,
    one.given_by,
  ]);
  const parts = [
    calls.length === 0
      ? `No call waits for approval. \`policy ${id} --tool NAME --approval\` makes the calls of a tool wait.`
      : table([['APPROVAL ID', 'STATE', 'TOOL', 'AGENT', 'HELD', 'UNTIL', 'DECIDED BY'], ...calls]),
    ...(standing.length === 0
      ? []
      : [table([['STANDING', 'TOOL', 'TOKEN', 'UNTIL', 'GIVEN BY'], ...standing])]),
  ];
  return { document: answer, text: parts.join('\n\n') };
}

/** JSON for people: every character that a terminal would not show is shown as its code. */
const shown = (value: unknown) => jsonText(value).split('\n').map(printable).join('\n');

function detailOutput(call: DetailAnswer): Output {
  const { dry_run: dryRun } = call;
  const facts = table([
    ['approval id', call.approval_id],
    ['state', call.state],
    ['tool', call.title === null ? call.tool : `${call.tool} (${call.title})`],
    ...(call.destructive === true ? [['careful', 'it may destroy something']] : []),
    ['token', call.token_label === null ? call.token_id : `${call.token_id} (${call.token_label})`],
    ['client', call.client ?? ''],
    ['trace', call.trace_id],
    ['held', call.held_at],
    ['until', call.expires_at],
    ...(call.decided_by === null ? [] : [['decided by', call.decided_by]]),
    ...(call.reason === null ? [] : [['reason', call.reason]]),
  ]);
  const tried =
    dryRun === undefined
      ? call.reaches_other_systems
        ? ['It reaches other systems, so it cannot be tried.']
        : []
      : [
          `It would answer now:\n${shown(dryRun.error ?? dryRun.answer)}`,
          dryRun.changes.length === 0
            ? 'It would change nothing that has a revision.'
            : `It would change:\n${dryRun.changes.map((line) => `  ${printable(line)}`).join('\n')}`,
        ];
  const ended =
    call.error === undefined && call.answer === undefined
      ? []
      : [`It has answered:\n${shown(call.error ?? call.answer)}`];
  return {
    document: call,
    text: [facts, `Arguments:\n${shown(call.args)}`, ...tried, ...ended].join('\n\n'),
  };
}

function decidedOutput(call: DetailAnswer): Output {
  const what = call.state === 'approved' ? 'It runs when the agent redeems it, until' : 'It was refused at';
  const when = call.state === 'approved' ? call.expires_at : (call.decided_at ?? '');
  return { document: call, text: `${printable(call.approval_id)} is ${call.state}. ${what} ${when}.` };
}
