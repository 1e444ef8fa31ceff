import { appendFileSync } from 'node:fs';
import { Browser } from './oauth-person.ts';
import { PersonProvider } from './oauth-provider.ts';

/** A browser with a person, as a program: opens the URL of its argument, signs in with `PERSON_KEY`, allows all that is asked. */
const [, , page = ''] = process.argv;
const { PERSON_KEY = '', PERSON_LOG = '' } = process.env;
const url = new URL(page);
const person = new PersonProvider(new Browser(url.origin, fetch), PERSON_KEY);
await person.redirectToAuthorization(url);
const response = await fetch(`${url.searchParams.get('redirect_uri')}?${person.answers[0]}`);
appendFileSync(PERSON_LOG, `${response.status}\n`);
