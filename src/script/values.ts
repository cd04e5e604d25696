/** What the templates know: every variable a job script can name, and how each may be written into shell text. */

/** One script's variables. Strings hold no control characters; only `attributes` may have several lines. */
export interface ScriptValues {
  /** The site's name in the profile, `[A-Za-z0-9._-]+`, for messages and for the pilot's own advertisement. */
  site: string;
  /** The submission's tag, `[A-Za-z0-9._-]+`: names the marks the job leaves in `jobDir`. */
  tag: string;
  /** Directive lines without their prefix, as the dialect built and quoted them, in order. */
  directives: readonly string[];
  /** Where the job reads `token` and `drain/` and writes `seen/` and `ends/`: absolute, or `~/…`. */
  jobDir: string;
  /** Where the pilot's log is kept as `JOBID.log`: absolute, or `~/…`. */
  logDir: string;
  /** The image: an absolute path, `~/…`, or an URI the runtime takes. */
  image: string;
  /** What was asked of the batch system, in whole seconds. Used only where the node does not know its own end. */
  walltimeSeconds: number;
  /** So long before the wall clock ends the pilot stops taking jobs. */
  drainSeconds: number;
  /** So long before the wall clock ends the pilot is stopped, whatever it runs. Less than `drainSeconds`. */
  stopSeconds: number;
  /** The text of Start_Extra, unescaped: what the guard in the container compares with. */
  startExpression: string;
  /** What goes into the container by the runtime's prefix. `escaped` is the value made safe for one evaluation there. */
  containerEnvironment: readonly { name: string; escaped: string }[];
  /** The `_CONDOR_` names among `containerEnvironment`, space-separated: the only ones the guard lets pass. */
  condorNames: string;
  /** The text of the attributes file: lines `Name = expression`, each ended by a newline. May be empty. */
  attributes: string;
  /** Cores the pilot offers, if so many were granted; null: what the batch system granted. */
  cpus: number | null;
  /** Memory the pilot offers, in MB, if so much was granted; null: what the batch system granted, less 100 MB. */
  memoryMB: number | null;
  /** Environment modules to load before the runtime is looked for. */
  modules: readonly string[];
  /** `auto` (apptainer, else singularity), the name of a program on PATH, or an absolute path. */
  runtime: string;
  /** Where the scratch directory is made: absolute, `$NAME` or `$NAME/…`; null: `$TMPDIR`, else `/tmp`. */
  scratch: string | null;
  /** Extra binds. `source` as `scratch`; `target` is empty (the same place) or `:TARGET[:ro|:rw]`. */
  binds: readonly { source: string; target: string }[];
  /** How /cvmfs gets in: `auto` (the node decides), `bind`, `cvmfsexec`, `singcvmfs`, `mountrepo`, `container` or `none`. */
  cvmfs: string;
  /** The job may have to bring CVMFS itself; the other values below are for that. */
  cvmfsBrought: boolean;
  /** Repositories by their full names. */
  cvmfsRepos: readonly string[];
  /** The value of CVMFS_HTTP_PROXY; null: what the distribution, or the image, says. */
  cvmfsProxy: string | null;
  /** The most that the cache may take, in MB. */
  cvmfsQuotaMB: number;
  /** Where the cache is made, as `scratch`; null: in the scratch directory. */
  cvmfsCache: string | null;
  /** Where the logs of CVMFS are kept, as `scratch`; null: in the scratch directory, which goes with the job. */
  cvmfsLogs: string | null;
  /** A distribution on the cluster, absolute or `~/…`: a directory, a `.tar` of one, or a self-extracting file; null: none. */
  cvmfsDistribution: string | null;
  /** The node's GPUs are shown to the container. */
  gpus: boolean;
  /** The job has more than one node, and starts a pilot on each. */
  severalNodes: boolean;
  /** Less free scratch than this ends the job before it starts; in MB. */
  minimumScratchMB: number;
  /** Less free scratch than this is a warning; in MB. */
  comfortableScratchMB: number;
  /** How often the job looks round. Tests make it a fraction. */
  loopSeconds: number;
  /** How long after the stamp the image may take to notice it: it looks every 4 minutes. */
  settleSeconds: number;
  /** How often the kept log is refreshed. */
  logSeconds: number;
  /** How long the pilot has between TERM and KILL. */
  graceSeconds: number;
}

/** The pace and the limits that every job has; only tests take others. */
export const usualPace = {
  loopSeconds: 30,
  settleSeconds: 300,
  logSeconds: 600,
  graceSeconds: 20,
  minimumScratchMB: 1_024,
  comfortableScratchMB: 10_240,
} as const;

/**
 * How a variable may be written: `name` (`[A-Za-z0-9._-]+`), `word` and `text` (several lines) by `{{q x}}`, `path` (`~/…`) by `{{path x}}`, `place`
 * (`$NAME/…`) by `{{place x}}`, `directive` by `{{directive '#PREFIX' x}}`; a `number` also as it is.
 */
export type Kind =
  | 'name'
  | 'word'
  | 'text'
  | 'path'
  | 'place'
  | 'directive'
  | 'number'
  | 'flag'
  | { readonly list: Kind }
  | { readonly record: { readonly [name: string]: Kind } };

/** The kind of every variable; the render checks and the documentation of templates come from this table. */
export const variableKinds: { readonly [Name in keyof ScriptValues]: Kind } = {
  site: 'name',
  tag: 'name',
  directives: { list: 'directive' },
  jobDir: 'path',
  logDir: 'path',
  image: 'path',
  walltimeSeconds: 'number',
  drainSeconds: 'number',
  stopSeconds: 'number',
  startExpression: 'word',
  containerEnvironment: { list: { record: { name: 'word', escaped: 'word' } } },
  condorNames: 'word',
  attributes: 'text',
  cpus: 'number',
  memoryMB: 'number',
  modules: { list: 'word' },
  runtime: 'word',
  scratch: 'place',
  binds: { list: { record: { source: 'place', target: 'word' } } },
  cvmfs: 'word',
  cvmfsBrought: 'flag',
  cvmfsRepos: { list: 'name' },
  cvmfsProxy: 'word',
  cvmfsQuotaMB: 'number',
  cvmfsCache: 'place',
  cvmfsLogs: 'place',
  cvmfsDistribution: 'path',
  gpus: 'flag',
  severalNodes: 'flag',
  minimumScratchMB: 'number',
  comfortableScratchMB: 'number',
  loopSeconds: 'number',
  settleSeconds: 'number',
  logSeconds: 'number',
  graceSeconds: 'number',
};
