import { failed, ok, type Result } from '../failure.ts';

/**
 * The container's environment. An image's own ENV wins over what is exported to `apptainer` (1.4, run), so all of it
 * goes in by the prefixes APPTAINERENV_ and SINGULARITYENV_, whose values are shell-evaluated once inside.
 */

/** What a pilot is told. */
export interface PilotSettings {
  /** The site's name in the profile, for messages. */
  site: string;
  /** The names usage is credited to: `[A-Za-z0-9._ -]+`. */
  pilotSite: string;
  resource: string;
  /** Start_Extra, as `startExpression` built it. */
  expression: string;
  /** The backstops of `retirement`, in whole hours. */
  acceptHours: number;
  retireHours: number;
  /** A pilot without jobs for so long ends itself. */
  idleMinutes: number;
  /** The site's HTTP cache, `http://host:port`; null: none. */
  squid: string | null;
  /** The pilot has GPUs. */
  gpus: boolean;
  /** The user's own variables. */
  env: { readonly [name: string]: string };
}

/** Variables as the runtime must be given them. */
export interface ContainerEnvironment {
  /** `escaped` is the value made safe for the one evaluation inside. */
  variables: readonly { name: string; escaped: string }[];
  /** The `_CONDOR_` names among them, separated by spaces: the only ones the guard lets pass. */
  condorNames: string;
}

/**
 * `value` so that one evaluation inside double quotes gives exactly `value` back. Double quotes are escaped by the
 * runtime itself (its EscapeDoubleQuotes): one more backslash here would stay in the value.
 */
export function escapeForRuntime(value: string): string {
  return value.replaceAll(/[\\$`]/g, '\\$&');
}

/** The variables of a pilot. Fails with `value-refused`, key `pilot.env.NAME` for the user's own. */
export function containerEnvironment(settings: PilotSettings): Result<ContainerEnvironment> {
  const own = ownVariables(settings);
  if (!own.ok) return own;
  const variables = new Map(own.value);
  for (const [name, value] of Object.entries(settings.env)) {
    const reason = nameRefusal(name) ?? valueRefusal(name, value);
    if (reason !== null) return refused(settings, `pilot.env.${name}`, reason);
    variables.set(name, value);
  }
  const condorNames = [...variables.keys()].filter((name) => /^_condor_/i.test(name)).join(' ');
  return ok({
    variables: [...variables].map(([name, value]) => ({ name, escaped: escapeForRuntime(value) })),
    condorNames,
  });
}

// OSG_PROJECT_NAME stays unset: the expression limits projects itself, with =?=, and the image would paste the name
// into an expression of its own without escaping it.
function ownVariables(settings: PilotSettings): Result<ReadonlyMap<string, string>> {
  const topologyName = /^[A-Za-z0-9._ -]+$/;
  if (!topologyName.test(settings.pilotSite))
    return refused(settings, 'pilot.site', 'it must be letters, digits, spaces and . _ -');
  if (!topologyName.test(settings.resource))
    return refused(settings, 'pilot.resource', 'it must be letters, digits, spaces and . _ -');
  // The image writes it into a job wrapper, inside double quotes that a shell reads again.
  if (settings.squid !== null && !/^[A-Za-z0-9._:/[\]-]+$/.test(settings.squid)) {
    return refused(settings, 'pilot.squid', 'it must be an address such as http://squid.example.org:3128');
  }
  const hours = {
    acceptHours: settings.acceptHours,
    retireHours: settings.retireHours,
    idleMinutes: settings.idleMinutes,
  };
  for (const [name, value] of Object.entries(hours)) {
    if (!Number.isInteger(value) || value < 1)
      return refused(settings, `pilot.${name}`, 'it must be a whole number from 1 on');
  }
  const variables = new Map([
    ['GLIDEIN_Site', settings.pilotSite],
    ['GLIDEIN_ResourceName', settings.resource],
    ['GLIDEIN_Start_Extra', settings.expression],
    ['GLIDEIN_RANDOMIZE_NAME', 'true'],
    ['ACCEPT_JOBS_FOR_HOURS', String(settings.acceptHours)],
    ['RETIREMENT_HOURS', String(settings.retireHours)],
    ['ACCEPT_IDLE_MINUTES', String(settings.idleMinutes)],
  ]);
  if (settings.squid !== null) variables.set('OSG_SQUID_LOCATION', settings.squid);
  // The image's authors ask for it with NVIDIA's devices: its own Apptainer cannot make PID namespaces where /proc is masked.
  if (settings.gpus) variables.set(pidNamespaceSwitch, 'true');
  return ok(variables);
}

/** Turns the jobs' own PID namespaces off, as the image reads it. The user's own value beats ours. */
export const pidNamespaceSwitch = 'SINGULARITY_DISABLE_PID_NAMESPACES';

/** Names that are refused, each with where the setting belongs instead; compared without regard to case. */
const taken: { readonly [name: string]: string } = {
  GLIDEIN_SITE: 'set pilot.site',
  GLIDEIN_RESOURCENAME: 'set pilot.resource',
  GLIDEIN_START_EXTRA: 'set pilot.owners, pilot.projects or pilot.startExtra',
  GLIDEIN_RANDOMIZE_NAME: 'the program sets it',
  OSG_PROJECT_NAME: 'set pilot.projects',
  OSG_PROJECT_RESTRICTION: 'set pilot.projects',
  OSG_SQUID_LOCATION: 'set pilot.squid',
  ACCEPT_JOBS_FOR_HOURS: 'the program computes it from scheduler.walltime and pilot.drainMinutes',
  RETIREMENT_HOURS: 'the program computes it from scheduler.walltime and pilot.drainMinutes',
  ACCEPT_IDLE_MINUTES: 'set pilot.idleMinutes',
  NUM_CPUS: 'set pilot.cpus',
  MEMORY: 'set pilot.memoryMB',
  CVMFSEXEC_REPOS: 'set pilot.cvmfs and pilot.cvmfsOptions.repos',
  CVMFS_HTTP_PROXY: 'set pilot.cvmfsOptions.proxy',
  CVMFS_QUOTA_LIMIT: 'set pilot.cvmfsOptions.quotaMB',
  TOKEN: 'the token goes in as a file; set pilot.token',
  EXTRA_JOB_ENV: 'the image pastes it into its configuration',
};

/** Names by which a shell, a loader, the runtime or HTCondor would be led elsewhere, whatever Start_Extra says. */
const leadingAstray =
  /^(?:PATH|HOME|PWD|OLDPWD|SHELL|IFS|U?ID|E?UID|E?GID|PPID|ENV|PS\d|CDPATH|GLOBIGNORE|POSIXLY_CORRECT|PROMPT_COMMAND|SHELLOPTS|BASH.*|LD_.*|GCONV_PATH|GLIBC_.*|PYTHON.*|PERL.*|(?:AP|PRE)PEND_PATH|LOCAL_DIR|PILOT_CONFIG_FILE|CONDOR_(?!HOST$).*|CONTAINER_PILOT_.*|IS_CONTAINER_PILOT|JOB_ENV|GLIDEIN_(?:CONFIG|VARIABLES)|APPTAINER.*|SINGULARITY(?!_BIND_EXTRA$|_DISABLE_PID_NAMESPACES$).*)$/;

/**
 * The `_CONDOR_` settings that cannot open a pilot. HTCondor takes all of them above its files, and START can be reached
 * by many (LOCAL_CONFIG_FILE, STARTD_ENVIRONMENT, SLOT_TYPE_1_START…): what is not known to be harmless stays out.
 */
const harmlessKnob =
  /^_CONDOR_(?:NETWORK_INTERFACE|PRIVATE_NETWORK_(?:NAME|INTERFACE)|TCP_FORWARDING_HOST|TCP_KEEPALIVE_INTERVAL|BIND_ALL_INTERFACES|(?:ENABLE|PREFER)_IPV[46]|PREFER_OUTBOUND_IPV4|(?:IN_|OUT_)?(?:LOW|HIGH)PORT|USE_SHARED_PORT|SHARED_PORT_PORT|CCB_HEARTBEAT_INTERVAL|DISK|RESERVED_(?:DISK|MEMORY)|(?:MASTER_)?UPDATE_INTERVAL|(?:ALL|MASTER|STARTD|STARTER|SHARED_PORT|PROCD|TOOL)_DEBUG|MAX_(?:MASTER|STARTD|STARTER|SHARED_PORT|DEFAULT)_LOG|GPU_DISCOVERY_EXTRA|(?:NOT_RESPONDING|TCP_CONNECT|CCB|SEC_TCP_SESSION)_TIMEOUT)$/;

function nameRefusal(name: string): string | null {
  const upper = name.toUpperCase();
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return 'a name is letters, digits and _, and begins with no digit';
  const instead = Object.hasOwn(taken, upper) ? taken[upper] : undefined;
  if (instead !== undefined) return `it cannot be set here: ${instead}`;
  if (upper.startsWith('_CONDOR_') && !harmlessKnob.test(upper)) {
    return 'it overrides the configuration that keeps the pilot yours; only settings of network, ports, disk and logs may be set';
  }
  if (leadingAstray.test(upper)) return 'it would change how the container or its programs start';
  return null;
}

/** Names whose value the image writes into configuration files, scripts or programs of its own without quoting it. */
const pastedByImage =
  /^(?:_CONDOR_.*|GLIDEIN_.*|OSG_.*|CCB_.*|CVMFS.*|SINGULARITY_.*|CONDOR_HOST|POOL|ITB|SYSLOG_HOST|REGISTRY_HOST|IMAGES_DIR|DOWNLOAD_PELICAN_VERSION|SUPERVISORD_.*)$/;

/** One environment string may have 128 kB on Linux; escaping can double it. */
const longestValue = 32_768;

function valueRefusal(name: string, value: string): string | null {
  if (/\p{Cc}/u.test(value)) return 'it holds a line break or another control character';
  if (/\p{Surrogate}/u.test(value)) return 'it is not valid Unicode';
  if (value.length > longestValue) return `it is longer than ${longestValue} characters`;
  if (pastedByImage.test(name.toUpperCase()) && /["'`$\\]/.test(value)) {
    return 'the image pastes it into its own files, where quotes, dollars, backticks and backslashes would be read';
  }
  return null;
}

function refused(settings: PilotSettings, key: string, reason: string) {
  return failed({ kind: 'value-refused', site: settings.site, key, reason });
}
