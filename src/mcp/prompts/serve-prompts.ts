import type { Server } from '@modelcontextprotocol/server';
import * as z from 'zod';
import { onePageParams, type ServerBinding } from '../server-binding.ts';
import { findPrompt, offeredPrompts } from './find-prompt.ts';
import type { Prompt } from './prompt.ts';
import { parsePromptArguments } from './prompt-arguments.ts';

/** Checked by hand, so that a refusal names what is wrong in a sentence. */
const getParams = z.object({ name: z.unknown().optional(), arguments: z.unknown().optional() });

/** Serves MCP's prompts. They need no data of the tenant, so they are no calls and are charged nothing. */
export function servePrompts(server: Server, binding: ServerBinding): void {
  const canCall = (tool: string) => binding.tools.canCall(tool, binding.scopes, binding.toolFilter);

  server.setRequestHandler('prompts/list', { params: onePageParams }, () => ({
    prompts: offeredPrompts(canCall).map(listingOf),
  }));

  server.setRequestHandler('prompts/get', { params: getParams }, (params) => {
    const prompt = findPrompt(params.name, canCall);
    const text = prompt.text(parsePromptArguments(prompt, params.arguments));
    return {
      description: prompt.description,
      messages: [{ role: 'user' as const, content: { type: 'text' as const, text } }],
    };
  });
}

const listingOf = ({ name, title, description, arguments: args }: Prompt) => ({
  name,
  title,
  description,
  arguments: Object.entries(args).map(([argument, { description, required }]) => ({
    name: argument,
    description,
    required,
  })),
});
