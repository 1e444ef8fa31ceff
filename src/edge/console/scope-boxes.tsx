import type { PublishedTools } from '../../mcp/published-tools.ts';
import { SCOPES } from '../../tools/families.ts';
import type { Scope } from '../../tools/tool.ts';
import { TOOLS_LISTED, toolsFor } from '../oauth/consent.ts';
import { wordsOf } from '../oauth/scope-words.ts';
import { type FieldProblem, invalid, type SentForm } from './forms.tsx';

/** Check boxes of what a token may do: scopes, and single tools within them. They are read by `allowedBy` of the consent. */

interface Boxes {
  /** The scopes that can be chosen. */
  readonly scopes: readonly Scope[];
  readonly published: PublishedTools;
  /** The tools that can be chosen; undefined for all that the scopes have. */
  readonly tools?: readonly string[] | undefined;
  /** Which scopes are ticked before anybody has chosen. */
  readonly isTicked: (scope: Scope) => boolean;
  /** What was chosen before. */
  readonly form: SentForm | undefined;
  readonly problem: FieldProblem | undefined;
}

/** Scopes that administer come last, below those that a token has unless something else is asked for. */
export const isAdministrative = (scope: Scope) => !SCOPES.includes(scope);

export function ScopeBoxes({ scopes, published, tools: held, isTicked, form, problem }: Boxes) {
  const tools = toolsFor(published, scopes).filter(({ name }) => held?.includes(name) ?? true);
  const isChosen = (scope: Scope) => (form === undefined ? isTicked(scope) : form.isChosen('scope', scope));
  const ordinary = scopes.filter((scope) => !isAdministrative(scope));
  const administrative = scopes.filter(isAdministrative);
  const group = (legend: string, members: readonly Scope[]) =>
    members.length > 0 && (
      <fieldset {...invalid(problem, 'scope')}>
        <legend>{legend}</legend>
        {members.map((scope) => (
          <label class="choice">
            <input type="checkbox" name="scope" value={scope} checked={isChosen(scope)} />
            <span>
              {wordsOf(scope)} <code class="soft">{scope}</code>
            </span>
          </label>
        ))}
      </fieldset>
    );
  return (
    <>
      {group('What it may do', ordinary)}
      {group('What it may administer', administrative)}
      {tools.length > 0 && (
        <details open={problem?.field === 'tool'}>
          <summary>Choose single tools</summary>
          <input type="hidden" name={TOOLS_LISTED} value="true" />
          <fieldset class="tools">
            <legend>Of what is ticked above, it may use</legend>
            {tools.map(({ name, title }) => (
              <label class="choice">
                <input
                  type="checkbox"
                  name="tool"
                  value={name}
                  checked={form === undefined || form.isChosen('tool', name)}
                />
                <span>
                  {title} <code class="soft">{name}</code>
                </span>
              </label>
            ))}
          </fieldset>
        </details>
      )}
    </>
  );
}
