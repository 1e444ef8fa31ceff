import type { Context } from 'hono';
import * as z from 'zod';
import { fail, type Result, succeed } from '../../result.ts';
import { readForm } from '../http/body.ts';
import type { AppEnv } from '../http/isolate.ts';
import { isOwnForm } from '../http/origin.ts';
import { sealerOf } from '../oauth/seal.ts';

/**
 * What every form of the console that changes something shares.
 *
 * A form is POSTed to the path of its own page, names what it does by the field `action`, and is answered by a redirect to a page
 * that says what was done, or by its own page with what is wrong and what was typed.
 *
 * The route of a page takes a form as its fourth member (`routes.ts`), which is called when the form is the server's own and the
 * person is signed in:
 *
 *     const rename = z.object({ label: z.string().trim().min(1, 'Give the token a label.').max(64) });
 *
 *     export async function tokensForm(visit: Visit, form: SentForm): Promise<Response> {
 *       const fields = form.read(rename);
 *       if (!fields.ok) return show(visit, { form, problem: fields.error });
 *       ...
 *       return done(visit.c, visit.viewer.session, 'The label was changed.');
 *     }
 */

type Ctx = Context<AppEnv>;

/** The largest form, in bytes: a secret of 8 KiB whose every character is percent-encoded. */
const MAX_FORM_BYTES = 32_768;

/** Why a body was not taken for a form of this server. */
export interface FormRefusal {
  readonly status: 403 | 408 | 413 | 415;
  readonly code: string;
  /** For the person. */
  readonly message: string;
}

/** What is wrong with a field, in words that name it and say what to do. */
export interface FieldProblem {
  /** undefined: the form as a whole. */
  readonly field: string | undefined;
  readonly message: string;
}

/** What a page shows again: a form that was not taken, and what is wrong with it. */
export interface Rejected {
  readonly form?: SentForm | undefined;
  readonly problem?: FieldProblem | undefined;
}

const FOREIGN: FormRefusal = {
  status: 403,
  code: 'foreign_form',
  message: 'This form was sent by a page of another site, and has changed nothing.',
};

/** A form as it was sent, which a page with an error shows again. */
export class SentForm {
  /** As the browser sent them. */
  readonly fields: URLSearchParams;

  constructor(fields: URLSearchParams) {
    this.fields = fields;
  }

  /** Which button was pressed, or which form of its page it is. */
  get action(): string {
    return this.typed('action');
  }

  /** What was typed into a field; nothing that is a secret may be shown again. */
  typed(name: string): string {
    return this.fields.get(name) ?? '';
  }

  /** Whether a check box or an option was chosen. */
  isChosen(name: string, value: string): boolean {
    return this.fields.has(name, value);
  }

  /**
   * The typed fields. A field that was sent once is a string, one that was sent more often an array, and one that was not
   * sent is undefined; `many` and `optional` read check boxes and fields that may be empty.
   * @returns the fields, or the first that is wrong with the words of its schema
   */
  read<Schema extends z.ZodObject>(schema: Schema): Result<z.output<Schema>, FieldProblem> {
    const given = Object.keys(schema.shape).map((name) => {
      const values = this.fields.getAll(name);
      return [name, values.length > 1 ? values : values[0]] as const;
    });
    const read = schema.safeParse(Object.fromEntries(given));
    if (read.success) return succeed(read.data);
    const [issue] = read.error.issues;
    const [field] = issue?.path ?? [];
    return fail({
      field: typeof field === 'string' ? field : undefined,
      message: issue?.message ?? 'The form is not complete.',
    });
  }
}

/** A group of check boxes, of which none may be ticked. */
export const many = <Item extends z.ZodType>(item: Item) =>
  z.preprocess(
    (sent) => (sent === undefined ? [] : Array.isArray(sent) ? sent : [sent]),
    z.array(item).max(256, 'Too many are chosen.'),
  );

/** A field that may be left empty, which is then undefined. */
export const optional = <Field extends z.ZodType>(field: Field) =>
  z.preprocess(
    (sent) => (typeof sent === 'string' && sent.trim() === '' ? undefined : sent),
    field.optional(),
  );

/** Reads a form of a page of this server: its `Origin`, its content type, and its body, which is bounded. */
export async function receiveForm(c: Ctx): Promise<Result<SentForm, FormRefusal>> {
  if (!isOwnForm(c)) return fail(FOREIGN);
  const form = await readForm(c.req.raw, MAX_FORM_BYTES);
  if (form.ok) return succeed(new SentForm(form.value));
  const { status, code, message } = form.error;
  return fail({ status: status === 400 ? 415 : status, code, message });
}

/** How long the page after a change says what was done. */
const NOTICE_MS = 60_000;
const MAX_NOTICE_CHARS = 500;
const NOTICE = 'notice';

const notice = z.object({ text: z.string(), path: z.string(), session: z.string(), until: z.number() });

/**
 * The answer to a form that was taken: the browser is sent to a page, which says for a minute what was done. The words are
 * in its URL, signed for this page and session, so that no link can make a page say what the server has not.
 * @param session what tells this session from others, and is no secret
 * @param path of the page that is shown, without a query; the form's own unless it is given
 */
export function done(c: Ctx, session: string, text: string, path = c.req.path): Response {
  const until = c.var.arrival.receivedAt + NOTICE_MS;
  const payload = { text: text.slice(0, MAX_NOTICE_CHARS), path, session, until };
  const sealed = sealerOf(c.var.isolate.config).seal('notice', payload satisfies z.infer<typeof notice>);
  c.header('cache-control', 'no-store');
  return c.redirect(`${path}?${NOTICE}=${sealed}`, 303);
}

/** What the form that led to this page has done, if one has. */
export function noticeOf(c: Ctx, session: string): string | undefined {
  const sealed = c.req.query(NOTICE);
  if (sealed === undefined) return undefined;
  const said = sealerOf(c.var.isolate.config).open('notice', sealed, notice);
  const isHere = said?.path === c.req.path && said.session === session;
  return isHere && c.var.arrival.receivedAt < said.until ? said.text : undefined;
}

/** The words of a notice, above everything else of a page. */
export const Notice = ({ text }: { text: string | undefined }) =>
  text === undefined ? null : (
    <p class="done" role="status">
      {text}
    </p>
  );

/** What is wrong with a form, above it. */
export const Problem = ({ problem }: { problem: FieldProblem | undefined }) =>
  problem === undefined ? null : (
    <p class="alert" role="alert" id="problem">
      {problem.message}
    </p>
  );

/** The attributes of a field that a problem is about. */
export const invalid = (problem: FieldProblem | undefined, field: string) =>
  problem?.field === field ? { 'aria-invalid': 'true' as const, 'aria-describedby': 'problem' } : {};
