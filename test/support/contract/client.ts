import { Client, type Transport } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import type { Transport as TransportV1 } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { CallResult } from '../clients.ts';
import { Heard } from './heard.ts';

/** What a server says of itself, in whichever form its revision has for that. */
export interface Discovered {
  readonly versions: readonly string[];
  readonly capabilities: object | undefined;
  readonly instructions: string | undefined;
}

export type CompletionRef = { type: 'ref/prompt'; name: string } | { type: 'ref/resource'; uri: string };

/** A connected client of either SDK. */
export interface ContractClient {
  readonly revision: string | undefined;
  readonly server: { name: string; version: string } | undefined;
  readonly heard: Heard;
  discover(): Promise<Discovered>;
  listTools(): Promise<object[]>;
  /** Rejects with the reason of `signal` when that is aborted. */
  call(name: string, args?: Record<string, unknown>, signal?: AbortSignal): Promise<CallResult>;
  listResources(): Promise<{ uri: string; name: string; mimeType?: string | undefined }[]>;
  listTemplates(): Promise<string[]>;
  /** @returns the text of each content */
  readResource(uri: string): Promise<string[]>;
  listPrompts(): Promise<string[]>;
  /** @returns the text of each message */
  getPrompt(name: string, args: Record<string, string>): Promise<string[]>;
  /** @returns the values for an argument of a prompt, or of the resource template */
  complete(
    ref: CompletionRef,
    name: string,
    typed: string,
    filledIn?: Record<string, string>,
  ): Promise<string[]>;
  /** Is told of a resource until `end`, and that the list of resources changed. */
  subscribe(uri: string): Promise<{ end(): Promise<void> }>;
  close(): Promise<void>;
}

const IDENTITY = { name: 'bulkhead-contract', version: '1.0.0' };
const REVISION = '2026-07-28';

const textOf = (content: object) => String(Reflect.get(content, 'text'));

const completion = (
  ref: CompletionRef,
  name: string,
  value: string,
  filledIn: Record<string, string> = {},
) => ({ ref, argument: { name, value }, context: { arguments: filledIn } });

/** The v2 SDK, which speaks 2026-07-28 or fails. */
export async function connectV2(transport: Transport): Promise<ContractClient> {
  const client = new Client(IDENTITY, { versionNegotiation: { mode: { pin: REVISION } } });
  const heard = new Heard();
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => heard.add(params.uri));
  client.setNotificationHandler('notifications/resources/list_changed', () => heard.add(Heard.LIST));
  await client.connect(transport);
  return {
    revision: client.getNegotiatedProtocolVersion(),
    server: client.getServerVersion(),
    heard,
    discover: async () => {
      const { supportedVersions, capabilities, instructions } = await client.discover();
      return { versions: supportedVersions, capabilities, instructions };
    },
    listTools: async () => (await client.listTools()).tools,
    call: async (name, args = {}, signal) =>
      (await client.callTool({ name, arguments: args }, signal && { signal })) as CallResult,
    listResources: async () => (await client.listResources()).resources,
    listTemplates: async () =>
      (await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate),
    readResource: async (uri) => (await client.readResource({ uri })).contents.map(textOf),
    listPrompts: async () => (await client.listPrompts()).prompts.map(({ name }) => name),
    getPrompt: async (name, args) =>
      (await client.getPrompt({ name, arguments: args })).messages.map(({ content }) => textOf(content)),
    complete: async (ref, name, value, filledIn) =>
      (await client.complete(completion(ref, name, value, filledIn))).completion.values,
    subscribe: async (uri) => {
      const filter = { resourceSubscriptions: [uri], resourcesListChanged: true };
      const { honoredFilter, close } = await client.listen(filter);
      if (JSON.stringify(honoredFilter.resourceSubscriptions) !== JSON.stringify([uri]))
        throw new Error(`asked to hear of ${uri}, and will hear of ${JSON.stringify(honoredFilter)}`);
      return { end: close };
    },
    close: () => client.close(),
  };
}

/**
 * The v1 SDK, which speaks the revision that the server answers its `initialize` with.
 * @param leave what it has to say before it goes
 */
export async function connectV1(
  transport: TransportV1,
  leave?: () => Promise<void>,
): Promise<ContractClient> {
  const client = new ClientV1(IDENTITY);
  // The client tells the revision to its transport and to nobody else.
  let revision = 'none';
  const setVersion = transport.setProtocolVersion?.bind(transport);
  transport.setProtocolVersion = (version) => {
    revision = version;
    setVersion?.(version);
  };
  const heard = new Heard();
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => heard.add(params.uri));
  client.setNotificationHandler(ResourceListChangedNotificationSchema, () => heard.add(Heard.LIST));
  await client.connect(transport);
  return {
    revision,
    server: client.getServerVersion(),
    heard,
    discover: async () => ({
      versions: [revision],
      capabilities: client.getServerCapabilities(),
      instructions: client.getInstructions(),
    }),
    listTools: async () => (await client.listTools()).tools,
    call: async (name, args = {}, signal) =>
      (await client.callTool({ name, arguments: args }, undefined, signal && { signal })) as CallResult,
    listResources: async () => (await client.listResources()).resources,
    listTemplates: async () =>
      (await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate),
    readResource: async (uri) => (await client.readResource({ uri })).contents.map(textOf),
    listPrompts: async () => (await client.listPrompts()).prompts.map(({ name }) => name),
    getPrompt: async (name, args) =>
      (await client.getPrompt({ name, arguments: args })).messages.map(({ content }) => textOf(content)),
    complete: async (ref, name, value, filledIn) =>
      (await client.complete(completion(ref, name, value, filledIn))).completion.values,
    subscribe: async (uri) => {
      await client.subscribeResource({ uri });
      return { end: async () => void (await client.unsubscribeResource({ uri })) };
    },
    close: async () => {
      await leave?.();
      await client.close();
    },
  };
}
