import type { Scope } from '../../tools/tool.ts';
import type { Viewer } from './layout.tsx';

/**
 * Who may change something in the console: a member who acts in person and has the scope for it. Somebody who is signed in with a
 * token only reads, whatever the token may do, because an agent may have the same token.
 */

type Barrier = 'operator' | 'token' | 'scope';

/** Why somebody may not change what this scope allows to change; undefined: they may. */
export function barrierOf({ isOperator, person, scopes }: Viewer, scope: Scope): Barrier | undefined {
  if (isOperator) return 'operator';
  if (person === undefined) return 'token';
  return scopes.includes(scope) ? undefined : 'scope';
}

function wordsOf(barrier: Barrier, scope: Scope, what: string): string {
  switch (barrier) {
    case 'operator':
      return `To ${what} is for members of the tenant who have the scope ${scope}.`;
    case 'token':
      return `You are signed in with a token, which only reads. To ${what}, sign in as a member who has the scope ${scope}.`;
    case 'scope':
      return `To ${what}, you need the scope ${scope}, which the operator gives to a member.`;
  }
}

/** Why a form was refused, for a person. */
export function barredMessage(viewer: Viewer, scope: Scope): string | undefined {
  const barrier = barrierOf(viewer, scope);
  return barrier && `Nothing was changed. ${wordsOf(barrier, scope, 'change this')}`;
}

/** Says, in place of forms, who may use them. Nothing for somebody who may. @param what begins with a verb */
export function OnlyMembers({ viewer, scope, what }: { viewer: Viewer; scope: Scope; what: string }) {
  const barrier = barrierOf(viewer, scope);
  if (barrier === undefined) return null;
  return (
    <p class="aside">
      {wordsOf(barrier, scope, what)}
      {barrier === 'token' && (
        <>
          {' '}
          <a href="/console">Sign in</a>
        </>
      )}
    </p>
  );
}
