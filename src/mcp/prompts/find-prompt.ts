import { clip } from '../../telemetry/redact.ts';
import { suggestTools } from '../../tools/suggest.ts';
import { invalidParams } from '../invalid-params.ts';
import type { Prompt } from './prompt.ts';
import { PROMPTS } from './published.ts';

const MAX_NAME_SHOWN = 64;

/**
 * The prompt of this name.
 * @param canCall whether a tool can be called here; a prompt is offered where all of its tools can be
 * @throws ProtocolError that names the prompts which are offered
 */
export function findPrompt(name: unknown, canCall: (tool: string) => boolean): Prompt {
  const offered = offeredPrompts(canCall);
  const names = offered.map((prompt) => prompt.name);
  const found = PROMPTS.find((prompt) => prompt.name === name);
  if (found !== undefined && offered.includes(found)) return found;
  const choice =
    names.length === 0 ? 'No prompt is offered here.' : `The prompts offered here are: ${names.join(', ')}.`;
  const detail = { field: 'name', allowed: names };
  if (typeof name !== 'string' || name === '')
    throw invalidParams(`name is required: the name of a prompt. ${choice}`, {
      ...detail,
      missing: ['name'],
    });
  if (found !== undefined) {
    const missing = found.tools.filter((tool) => !canCall(tool));
    const why = `it needs ${missing.join(', ')}, which this token may not call or the URL's tools= leaves out`;
    throw invalidParams(`The prompt ${found.name} is not offered here: ${why}. ${choice}`, detail);
  }
  const shown = clip(name, MAX_NAME_SHOWN).toWellFormed();
  const meant = suggestTools(shown, names);
  if (meant.length === 0) throw invalidParams(`Unknown prompt "${shown}". ${choice}`, detail);
  throw invalidParams(`Unknown prompt "${shown}". Did you mean ${meant.join(' or ')}? ${choice}`, {
    ...detail,
    did_you_mean: meant,
  });
}

export const offeredPrompts = (canCall: (tool: string) => boolean): readonly Prompt[] =>
  PROMPTS.filter(({ tools }) => tools.every(canCall));
