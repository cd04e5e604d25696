/**
 * Slurm's reasons in words a person understands, with what to do where something can be done. The words are those of
 * Slurm's own table up to 26.05; older versions print some with spaces, newer ones with underscores.
 */

const words: Readonly<Record<string, string>> = {
  // It will start by itself.
  None: 'was just submitted: the scheduler has not looked at it yet',
  Resources: 'waits for free nodes',
  Priority: 'others are before it in the queue',
  JobArrayTaskLimit: 'waits for others of its array: the array may run only some at a time',
  BeginTime: 'may not start yet: its begin time is still to come',
  Dependency: 'waits for another job to end',
  Licenses: 'waits for a licence to become free',
  Reservation: 'waits for its reservation to begin',
  ReqNodeNotAvail: 'the nodes it could run on are not available now: down, drained or kept for maintenance',
  SchedDefer: 'asked to start at once, and could not',
  Prolog: 'its node is being prepared',
  Cleaning: 'what ran before it is being cleaned up',
  NodeDown: 'a node it needs is down',
  FrontEndDown: 'no front end of the cluster is up',
  BurstBufferResources: 'waits for room in the burst buffer',
  BurstBufferStageIn: 'waits for files to be copied into the burst buffer',
  ReservationMaxStartDelay: 'waits for the cluster to come out of maintenance',
  MaxPoweredUpNodes: 'the cluster has switched on as many nodes as it may; waits for one to be switched off',
  FedJobLock: 'another cluster of the federation is looking at it',
  // Somebody must do something.
  PartitionTimeLimit: 'never starts: its wall clock is longer than the queue allows; set scheduler.walltime',
  PartitionNodeLimit:
    'never starts: it asks for more nodes than the queue allows, or they are down; set scheduler.queue',
  PartitionDown: 'the queue is closed: it takes jobs but starts none; wait, or set scheduler.queue',
  PartitionInactive: 'the queue is switched off; wait, or set scheduler.queue',
  PartitionConfig: 'never starts: the queue has no nodes for jobs like it; set scheduler.queue',
  JobHeldUser: 'held by its user: scontrol release lets it go on',
  JobHeldAdmin: 'held by an administrator: ask the site why',
  JobHoldMaxRequeue: 'held: it was started and sent back too often; look at its log',
  DependencyNeverSatisfied: 'never starts: the job it waits for ended in another way; look at scheduler.extra',
  ReservationDeleted: 'never starts: its reservation was deleted; set scheduler.reservation',
  BadConstraints: 'never starts: no node can be what it asks for; look at scheduler.constraint, cores and memoryMB',
  InvalidAccount: 'never starts: the account may not be charged; set scheduler.account',
  AccountNotAllowed: 'never starts: the queue does not take this account; set scheduler.account or scheduler.queue',
  InvalidQOS: 'never starts: the QOS is not to be had; set scheduler.qos',
  QOSNotAllowed: 'never starts: the queue or the account does not take this QOS; set scheduler.qos or scheduler.queue',
  AssociationJobLimit: 'the account has as many jobs as it may; waits for one to end',
  AssociationResourceLimit: 'the account has as many nodes or cores as it may; waits for some to become free',
  AssociationTimeLimit: 'the account has used up its time',
  AccountingPolicy: 'the account or QOS has all it may have at a time',
  QOSJobLimit: 'the QOS has as many jobs as it may; waits for one to end',
  QOSResourceLimit: 'the QOS has as many nodes or cores as it may; waits for some to become free',
  QOSTimeLimit: 'the QOS has used up its time',
  QOSUsageThreshold: 'the account has used too much of its share for this QOS; set scheduler.qos',
  MaxMemPerLimit:
    'never starts: it asks for more memory than a core or node of the queue may have; set scheduler.memoryMB',
  launch_failed_requeued_held: 'held: its node could not start it; ask the site, then scontrol release',
  job_requeued_in_held_state: 'held: it was sent back to the queue so; scontrol release lets it go on',
  // It is over.
  NonZeroExitCode: 'ended with an error of its own; see its log',
  TimeLimit: 'reached its wall clock',
  InactiveLimit: 'was ended: it was idle for too long',
  JobLaunchFailure: 'its node could not start it; see its log, and ask the site if others fail there',
  RaisedSignal: 'was ended by a signal',
  SystemFailure: 'the cluster failed under it',
  OutOfMemory: 'used more memory than it was given; set scheduler.memoryMB',
  DeadLine: 'could not have ended before its deadline',
};

/** The reason of a waiting or ended job in words; null: no better words. */
export function explain(reason: string): string | null {
  const said = reason.trim().replace(/^\((.*)\)$/, '$1');
  const whole = explainOne(said);
  if (whole !== null) return whole;
  // Waiting tasks that are printed as one have the reasons of all: `Resources,JobHeldUser`.
  const each = said.split(',').map((part) => explainOne(part.trim()));
  const known = each.filter((one) => one !== null);
  return known.length > 1 && known.length === each.length ? known.join('; or: ') : null;
}

function explainOne(reason: string): string | null {
  const name = reason.replaceAll(' ', '_');
  if (Object.hasOwn(words, name)) return words[name] ?? null;
  if (/^Nodes_required_for_job_are_DOWN/i.test(name))
    return 'the nodes it could run on are down, drained or kept for queues of higher priority';
  const unavailable = /^ReqNodeNotAvail,?_?\(?UnavailableNodes:([^)]*)\)?$/.exec(name)?.[1];
  if (unavailable !== undefined)
    return unavailable === '' ? (words['ReqNodeNotAvail'] ?? null) : `${words['ReqNodeNotAvail']} (${unavailable})`;
  if (/^launch_failed/.test(name)) return words['launch_failed_requeued_held'] ?? null;
  return explainLimit(name);
}

/** `QOSMaxJobsPerUserLimit`, `AssocGrpNodeLimit`: whose limit, of what, and whether waiting helps. */
function explainLimit(name: string): string | null {
  const match = /^(QOS|Assoc)(Grp|Max|Min)([A-Za-z/_-]+?)(?:Limit|NotSatisfied)?$/.exec(name);
  if (match === null) return null;
  const [, whose, kind, rest = ''] = match;
  const owner = whose === 'QOS' ? 'the QOS' : 'the account';
  const key = whose === 'QOS' ? 'scheduler.qos' : 'scheduler.account';
  if (/WallDurationPerJob/.test(rest))
    return `never starts: its wall clock is longer than ${owner} allows; set scheduler.walltime`;
  const what = thing(rest.replace(/Per[A-Z][a-z]+$/, ''));
  if (kind === 'Min') return `never starts: it asks for fewer ${what} than ${owner} requires; set ${key}`;
  if (/Per(?:Job|Node)$/.test(rest))
    return `never starts: it asks for more ${what} than ${owner} allows a job; set ${key}`;
  if (/Minutes|Wall|Billing(?!.*Run)/.test(rest) && kind === 'Grp')
    return `${owner} has used up its ${what}; ask for more, or set ${key}`;
  const holder = kind === 'Grp' ? `all who use ${owner} together have` : 'you have';
  return `${holder} as many ${what} as ${owner} allows at a time; waits for some to become free`;
}

/** What a limit counts: `JobsPerUser`, `CPUMinutes`, `GRES`. */
function thing(rest: string): string {
  const kinds: readonly (readonly [RegExp, string])[] = [
    [/Submit/i, 'submitted jobs'],
    [/Jobs?/i, 'jobs'],
    [/Mem\w*Minutes/i, 'memory minutes'],
    [/Minutes/i, 'minutes of computing time'],
    [/Wall/i, 'hours'],
    [/Cpu/i, 'cores'],
    [/Mem/i, 'memory'],
    [/Node/i, 'nodes'],
    [/GRES|Gres/, 'GPUs or other devices'],
    [/License/i, 'licences'],
    [/Billing/i, 'billing units'],
    [/BB/, 'burst buffer'],
  ];
  return kinds.find(([pattern]) => pattern.test(rest))?.[1] ?? 'resources';
}
