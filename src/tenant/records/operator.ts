/** How the records name the operator. */

/** The tool of the records of what the operator has changed. */
export const OPERATOR_TOOL = 'admin';
/** The transport of everything that the operator does, which is not the tenant's use. */
export const OPERATOR_TRANSPORT = 'admin';
/** In place of a token: there is one admin key, so nobody is told apart by it. */
export const OPERATOR_TOKEN = 'operator';

interface Called {
  readonly transport: string;
  readonly tool: string;
}

/** Whether a record is of something that the operator has looked at in the console. */
export const isOperatorRead = ({ transport, tool }: Called) =>
  transport === OPERATOR_TRANSPORT && tool !== OPERATOR_TOOL;
