import { type FieldProblem, invalid, Problem, type Rejected, type SentForm } from '../forms.tsx';

/** The forms that set up a connection: with a secret in a header, or with access tokens by OAuth 2.0. */

interface FormOptions extends Rejected {
  readonly home: string;
}

interface FieldOptions {
  readonly name: string;
  readonly label: string;
  readonly form: SentForm | undefined;
  readonly problem: FieldProblem | undefined;
  /** Before the name in its id, because both forms have fields of the same name. */
  readonly prefix?: string;
  readonly type?: 'url' | 'password';
  readonly placeholder?: string;
  readonly initial?: string;
  readonly isOptional?: boolean;
}

/** A field with its label. What was typed is shown again unless it is a secret. */
function Field({ name, label, form, problem, prefix = '', ...about }: FieldOptions) {
  const { type, placeholder, initial = '', isOptional = false } = about;
  const id = `${prefix}${name}`;
  return (
    <>
      <label for={id}>{label}</label>
      <input
        id={id}
        name={name}
        type={type}
        placeholder={placeholder}
        required={!isOptional}
        {...(type === 'password'
          ? { autocomplete: 'new-password' }
          : { value: form?.typed(name) ?? initial })}
        {...invalid(problem, name)}
      />
    </>
  );
}

const NAME = { name: 'name', label: 'Name', placeholder: 'as the tool declares it, such as: tickets' };
const URL_FIELD = {
  name: 'url',
  label: 'URL',
  type: 'url',
  placeholder: 'https://api.example.com/v2/',
} as const;

export const SecretForm = ({ home, ...sent }: FormOptions) => {
  const { form, problem } = { form: undefined, problem: undefined, ...sent };
  return (
    <details class="form" open={problem !== undefined}>
      <summary>Set up a connection</summary>
      <form method="post" action={`${home}/connections`} class="stack" autocomplete="off">
        <Problem problem={problem} />
        <input type="hidden" name="action" value="set" />
        <Field {...NAME} form={form} problem={problem} />
        <Field {...URL_FIELD} form={form} problem={problem} />
        <Field
          name="header"
          label="Header of the secret"
          initial="Authorization"
          form={form}
          problem={problem}
        />
        <Field name="secret" label="Secret" type="password" form={form} problem={problem} />
        <p class="soft">
          The whole value of the header, such as <code>Bearer …</code>. It is encrypted for this tenant and
          this URL and never shown again. An existing connection of the name is replaced.
        </p>
        <button type="submit" class="first">
          Set up
        </button>
      </form>
    </details>
  );
};

/** What a member chooses of; a private key has several lines, which no field for a secret takes. */
const GRANTS = [
  ['client_credentials', 'for the client (client_credentials)'],
  ['refresh_token', 'for a person (refresh_token)'],
] as const;
const AUTHENTICATIONS = [
  ['client_secret_basic', 'its secret, in a header'],
  ['client_secret_post', 'its secret, in the body'],
  ['none', 'nothing: it is public'],
] as const;

interface ChoiceOptions extends Pick<FieldOptions, 'name' | 'label' | 'form' | 'problem'> {
  readonly options: readonly (readonly [value: string, words: string])[];
}

const Choice = ({ name, label, options, form, problem }: ChoiceOptions) => (
  <>
    <label for={`oauth-${name}`}>{label}</label>
    <select id={`oauth-${name}`} name={name} {...invalid(problem, name)}>
      {options.map(([value, words]) => (
        <option value={value} selected={form?.typed(name) === value}>
          {words}
        </option>
      ))}
    </select>
  </>
);

export const OAuthForm = ({ home, ...sent }: FormOptions) => {
  const shared = { form: undefined, problem: undefined, ...sent, prefix: 'oauth-' };
  const { form, problem } = shared;
  return (
    <details class="form" open={problem !== undefined}>
      <summary>Set up one with access tokens (OAuth 2.0)</summary>
      <form method="post" action={`${home}/connections`} class="stack" autocomplete="off">
        <Problem problem={problem} />
        <input type="hidden" name="action" value="set-oauth" />
        <Field {...NAME} {...shared} />
        <Field {...URL_FIELD} {...shared} />
        <Choice name="grant" label="Tokens are" options={GRANTS} form={form} problem={problem} />
        <Field
          name="token_url"
          label="Token URL"
          type="url"
          placeholder="https://login.example.com/token"
          {...shared}
        />
        <Field name="client_id" label="Client id" {...shared} />
        <Choice
          name="client_auth"
          label="The client is proved by"
          options={AUTHENTICATIONS}
          form={form}
          problem={problem}
        />
        <Field
          name="client_secret"
          label="Client secret, if it has one"
          type="password"
          isOptional
          {...shared}
        />
        <Field
          name="refresh_token"
          label="Refresh token, for a person"
          type="password"
          isOptional
          {...shared}
        />
        <details open={['scope', 'resource', 'audience'].some((name) => problem?.field === name)}>
          <summary>Scope, resource, audience</summary>
          <div class="stack">
            <Field name="scope" label="Scope" isOptional {...shared} />
            <Field name="resource" label="Resource" isOptional {...shared} />
            <Field name="audience" label="Audience" isOptional {...shared} />
          </div>
        </details>
        <p class="soft">
          The tenant gets access tokens from the token URL and sends them to the URL. Secrets are encrypted
          and never shown again. A client that signs with a private key is set up by{' '}
          <code>tenant connection set</code>.
        </p>
        <button type="submit" class="first">
          Set up
        </button>
      </form>
    </details>
  );
};

/** What the API is sent for a form. Fields that were left empty are left out. */
export function connectionOf(form: SentForm): Record<string, unknown> {
  const typed = (name: string) => form.typed(name).trim();
  const leads = { kind: 'http', url: typed('url') };
  if (form.action !== 'set-oauth') return { ...leads, header: typed('header'), secret: typed('secret') };
  const names = [
    'grant',
    'token_url',
    'client_id',
    'client_auth',
    'client_secret',
    'refresh_token',
    'scope',
    'resource',
    'audience',
  ];
  const given = names.map((name) => [name, typed(name)] as const).filter(([, value]) => value !== '');
  return { ...leads, oauth: Object.fromEntries(given) };
}
