import { unstable_getVarsForDev, unstable_readConfig } from 'wrangler';
import { catalogue } from '../catalogue.ts';
import { type Config, ConfigError, parseConfig } from '../config.ts';
import { requireAffordable } from '../tenant/calls/limits.ts';
import { readDevVars } from './dev-vars.ts';
import { CliError } from './terminal.ts';

/** The settings of the Worker under `npm start`, validated. */
export interface LocalSettings {
  readonly config: Config;
  /** Settings that replace those of `wrangler.toml`. */
  readonly overrides: Readonly<Record<string, string>>;
  /** Names in `.dev.vars` that are not settings. */
  readonly unknown: readonly string[];
}

/**
 * Reads the settings from the files that wrangler reads: `[vars]` of wrangler.toml, replaced by `.dev.vars`. The public
 * URL is this machine's address, unless `.dev.vars` sets another.
 * No address that a client names is believed, unless `.dev.vars` sets `CLIENT_ADDRESS`.
 * @throws CliError `config` with one sentence for each invalid setting
 */
export function readSettings(configPath: string, port: number): LocalSettings {
  const { vars, secrets } = wranglerConfig(configPath);
  const bindings = unstable_getVarsForDev(configPath, undefined, vars, undefined, true, secrets);
  const env = Object.fromEntries(Object.entries(bindings).map(([name, binding]) => [name, binding.value]));
  const local = Object.keys(readDevVars() ?? {});
  const here = `http://127.0.0.1:${port}`;
  // The commands of this machine reach the server by its address, whatever its public name is.
  const overrides: Record<string, string> = {
    // wrangler passes a CF-Connecting-IP on that the client itself has sent.
    ...(local.includes('CLIENT_ADDRESS') ? {} : { CLIENT_ADDRESS: 'none' }),
    PUBLIC_URL: local.includes('PUBLIC_URL') ? `${env.PUBLIC_URL},${here}` : here,
  };
  try {
    const config = parseConfig({ ...env, ...overrides });
    requireAffordable(config.limits, catalogue.all);
    return {
      config,
      overrides,
      unknown: local.filter((name) => !Object.hasOwn(env, name)),
    };
  } catch (error) {
    if (error instanceof ConfigError) throw new CliError('config', error.message);
    throw error;
  }
}

function wranglerConfig(configPath: string) {
  try {
    return unstable_readConfig({ config: configPath }, { hideWarnings: true });
  } catch (error) {
    const [reason = ''] = error instanceof Error ? error.message.trim().split('\n') : [];
    throw new CliError('config', `${configPath} could not be read: ${reason.replace(/[.:\s]+$/, '')}.`);
  }
}
