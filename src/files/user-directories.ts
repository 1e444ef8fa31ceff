import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where programs keep a user's files: the XDG base directories on Linux, the platform's convention elsewhere. */

type Env = Readonly<Record<string, string | undefined>>;

/** The default directory for the data of the local server. */
export function dataDirectory(platform: NodeJS.Platform, env: Env, home: string = homedir()): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'bulkhead');
  if (platform === 'win32')
    return join(nonEmpty(env.LOCALAPPDATA) ?? join(home, 'AppData', 'Local'), 'bulkhead');
  return join(nonEmpty(env.XDG_DATA_HOME) ?? join(home, '.local', 'share'), 'bulkhead');
}

/** The directory for what belongs to the user and is no data: the sign-ins of the bridge. */
export function configDirectory(platform: NodeJS.Platform, env: Env, home: string = homedir()): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'bulkhead');
  if (platform === 'win32')
    return join(nonEmpty(env.APPDATA) ?? join(home, 'AppData', 'Roaming'), 'bulkhead');
  return join(nonEmpty(env.XDG_CONFIG_HOME) ?? join(home, '.config'), 'bulkhead');
}

/** The XDG specification treats an empty variable as unset. */
const nonEmpty = (value: string | undefined) => (value === '' ? undefined : value);
