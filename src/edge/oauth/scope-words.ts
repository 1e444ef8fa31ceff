import { ALL_SCOPES, describeFamily, type Scope } from '../../tools/families.ts';

/** What a scope allows, in the words of a person who has never seen one. */
const WORDS: Partial<Record<Scope, string>> = {
  'blackboard:read': 'Read the shared boards',
  'blackboard:write': 'Write to the shared boards, and claim and finish the work on them',
  'scar:read': 'Look up past failures and what fixed them',
  'scar:write': 'Record failures and what fixed them',
  'cache:read': 'Read stored answers of language models',
  'cache:write': 'Store answers of language models, and delete them',
  'approvals:write': 'See the calls that wait for approval, and decide them in the console',
  'connections:write': 'Set up how tools reach systems of the tenant, and with which secrets',
  'tokens:write': 'Issue tokens of the tenant, narrow them and revoke them',
  'records:read': 'See what every agent of the tenant did',
};

export function wordsOf(scope: Scope): string {
  const [family = '', kind] = scope.split(':');
  return WORDS[scope] ?? `${kind === 'read' ? 'Read' : 'Change'}: ${describeFamily(family) ?? family}`;
}

export const isScope = (text: string): text is Scope => ALL_SCOPES.some((scope) => scope === text);
