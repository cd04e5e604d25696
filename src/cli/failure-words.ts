import type { ConnectStage, Failure, Mistake, TokenProblem } from '../failure.ts';
import { quote } from '../shell.ts';

/** A failure as a person reads it: what happened and why, and the next thing to type. */
export interface Words {
  message: string;
  hint: string | null;
}

/** The one place that words failures. */
export function wordFailure(failure: Failure): Words {
  switch (failure.kind) {
    case 'usage':
      return words(failure.message, failure.hint ?? 'glidein --help');
    case 'profile-missing':
      return missingProfile(failure);
    case 'profile-invalid':
      return invalidProfile(failure);
    case 'file-broken': {
      const place = failure.line === null ? failure.file : `${failure.file}:${failure.line}`;
      return words(
        `${place}: ${failure.reason}; nothing was overwritten`,
        `mend ${failure.file} by hand, or move it away and import the profile again`,
      );
    }
    case 'file-unusable':
      return unusableFile(failure);
    case 'file-busy':
      return words(`${failure.file} is being changed by another process`, 'try again');
    case 'template-invalid': {
      const place = failure.line === null ? failure.template : `${failure.template}:${failure.line}`;
      return words(
        `the template ${place}: ${failure.reason}`,
        'mend it, or remove it to use the one that comes with glidein',
      );
    }
    case 'value-refused':
      return words(`${failure.key}: ${failure.reason}`, setHint(failure.site, failure.key, meantValue(failure.reason)));
    case 'token-unusable':
      return tokenWords(failure);
    default:
      return wordRemoteFailure(failure);
  }
}

type RemoteFailure = Exclude<
  Failure,
  {
    kind:
      | 'usage'
      | 'profile-missing'
      | 'profile-invalid'
      | 'file-broken'
      | 'file-unusable'
      | 'file-busy'
      | 'template-invalid'
      | 'value-refused'
      | 'token-unusable';
  }
>;

function wordRemoteFailure(failure: RemoteFailure): Words {
  switch (failure.kind) {
    case 'unreachable':
      return words(
        `${failure.target} could not be reached (${failure.stage}): ${failure.reason}`,
        typed(failure.hint ?? stageHint(failure.stage, failure.site)),
      );
    case 'host-key-unknown':
      return words(
        `the host key of ${failure.host} port ${failure.port} is not known (${failure.fingerprint}); nothing was sent`,
        typed(failure.hint),
      );
    case 'host-key-changed':
      return words(
        `the host key of ${failure.host} port ${failure.port} is ${failure.fingerprint}, but ${failure.known} says otherwise; nothing was sent`,
        typed(failure.hint),
      );
    case 'needs-terminal':
      return words(`${failure.what} is needed, and there is no terminal to ask on`, typed(failure.hint));
    case 'login-needed':
      return words(
        `nobody is logged in to ${failure.target}: ${failure.why}`,
        failure.hint ?? `glidein login ${failure.site}`,
      );
    case 'connection-lost':
      return words(
        `the connection was lost while ${failure.step}: ${failure.reason}`,
        `glidein status ${failure.site}   (what had begun there is finished there)`,
      );
    case 'timed-out':
      return words(
        `no answer within ${failure.seconds} s while ${failure.step}`,
        `try again later, or look there by hand: glidein status ${failure.site} --verbose`,
      );
    case 'login-host-unusable':
      return words(
        `${failure.what}${said(failure.said)}`,
        failure.hint ?? `log in by hand and look, then: glidein status ${failure.site}`,
      );
    case 'lock-busy':
      return words(
        `another pass holds the lock: ${failure.holder}; waited ${failure.waitedSeconds} s`,
        'try again later; the lock of a pass that died is let go by itself within 15 minutes',
      );
    case 'fence-lost':
      return words(
        `other passes submitted first, ${failure.tries} times in a row; this one submitted nothing`,
        'let only one machine top up this site, or try again later',
      );
    case 'listing-incomplete':
      return words(
        `the queue could not be read whole, so nothing was done${said(failure.said)}`,
        `${listingHint(failure)}; the command was: ${shortened(failure.command)}`,
      );
    default:
      return wordSubmissionFailure(failure);
  }
}

type SubmissionFailure = Extract<
  Failure,
  {
    kind:
      | 'submit-refused'
      | 'in-doubt'
      | 'cancel-refused'
      | 'pilot-unknown'
      | 'image-missing'
      | 'image-unknown'
      | 'builder-missing'
      | 'build-failed'
      | 'no-space-here'
      | 'distribution-missing'
      | 'no-space'
      | 'delivery-broken'
      | 'queue-unfit'
      | 'queue-full'
      | 'log-missing'
      | 'cron-refused'
      | 'demo-impossible'
      | 'interrupted';
  }
>;

function wordSubmissionFailure(failure: SubmissionFailure): Words {
  switch (failure.kind) {
    case 'submit-refused':
      return words(
        `the scheduler refused the submission (${failure.refusal})${said(failure.said)}`,
        failure.hint ?? refusalHint(failure),
      );
    case 'in-doubt':
      return words(
        `nobody knows whether the scheduler took the submission ${failure.tag}${said(failure.said)}`,
        `glidein top-up ${failure.site}   (later passes settle it; it is not repeated before that)`,
      );
    case 'cancel-refused':
      return words(`the scheduler refused to cancel${said(failure.said)}`, `glidein status ${failure.site}`);
    case 'pilot-unknown':
      return words(`${failure.site} has no pilot ${failure.id}`, `glidein status ${failure.site}`);
    case 'image-missing':
      return words(
        `image.remotePath ${failure.path} cannot be read on the login host; nothing was submitted`,
        `put the image there, or: glidein site set ${failure.site} image.remotePath=null`,
      );
    case 'image-unknown':
    case 'builder-missing':
    case 'build-failed':
    case 'no-space-here':
      return wordBuildFailure(failure);
    case 'distribution-missing':
      return words(
        `the CVMFS distribution is neither here, ${failure.here}, nor on the login host, ${failure.there}; nothing was submitted`,
        `make it with makedist, or: glidein site set ${failure.site} pilot.cvmfsOptions.dist=PATH`,
      );
    case 'no-space':
      return words(
        `${failure.what} needs ${megabytes(failure.neededBytes)} MB, and the disk of ${failure.directory} on ${failure.node === undefined ? 'the login host' : `the node ${failure.node.name}`} has ${megabytes(failure.freeBytes)} MB left; ${failure.node === undefined ? 'nothing was sent or submitted' : 'nothing was built'}`,
        `make room there, or: glidein site set ${failure.site} ${keyOfDisk(failure)}=/another/disk/glidein`,
      );
    case 'delivery-broken':
      return words(
        `${failure.what} did not arrive as it was sent (its SHA-256 differs); ${failure.path} was not written and nothing was submitted`,
        `glidein top-up ${failure.site}   (sends it again)`,
      );
    case 'queue-unfit':
      return unfitQueue(failure);
    case 'queue-full':
      return fullQueue(failure);
    case 'log-missing':
      return missingLog(failure);
    case 'cron-refused':
      return words(
        `the table of what cron runs could not be read or changed: ${failure.program}${said(failure.said)}`,
        'glidein cron show --systemd   (units for systemd, where there is no cron for you), or glidein keep',
      );
    case 'demo-impossible':
      return words(`the demo cannot run here: ${failure.reason}`, failure.hint);
    case 'interrupted':
      return words('interrupted', null);
  }
}

function keyOfDisk({ what, node }: Failure & { kind: 'no-space' }): string {
  if (node !== undefined) return node.key;
  return what === 'the image' ? 'image.dir' : 'connection.remoteDir';
}

type BuildFailure = Extract<Failure, { kind: 'image-unknown' | 'builder-missing' | 'build-failed' | 'no-space-here' }>;

function wordBuildFailure(failure: BuildFailure): Words {
  switch (failure.kind) {
    case 'image-unknown': {
      const others = failure.known.length === 0 ? 'none is built yet' : `there are ${failure.known.join(', ')}`;
      return words(
        `there is no image ${failure.name} on this machine; ${others}`,
        `glidein image build ${quote(failure.name)}`,
      );
    }
    case 'builder-missing':
      return words(
        `neither apptainer nor singularity was found (${failure.looked}), so no image can be built on this machine`,
        'glidein image build --on SITE   (builds on its login node; or install apptainer here, or name it with --runtime)',
      );
    case 'build-failed':
      return words(
        `the image ${failure.name} could not be built from ${failure.source}; nothing was left behind${said(failure.said)}`,
        failure.hint ??
          `glidein image build ${failure.site === null ? quote(failure.name) : `--on ${failure.site}`} --source ${quote(failure.source)} --verbose`,
      );
    case 'no-space-here':
      return words(
        `${failure.what} needs ${megabytes(failure.neededBytes)} MB, and the disk of ${failure.directory} has ${megabytes(failure.freeBytes)} MB left; nothing was begun`,
        'make room there (glidein image prune takes away old images), or name another disk: TMPDIR=/another/disk glidein image build',
      );
  }
}

function words(message: string, hint: string | null): Words {
  return { message, hint };
}

/** A hint stands behind `next:`, so it need not say again that it is to be typed. */
function typed(hint: string): string {
  return hint.replace(/^(?:Type|Try): /, '');
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function stageHint(stage: ConnectStage, site: string): string {
  switch (stage) {
    case 'configuration':
      return `glidein site show ${site}   (see connection; then ~/.ssh/config)`;
    case 'resolve':
      return `glidein site show ${site}   (is connection.host right?)`;
    case 'connect':
    case 'handshake':
      return `try again later; if it lasts: glidein status ${site} --verbose`;
    case 'login':
    case 'shell':
      return `glidein status ${site} --verbose`;
  }
}

function said(text: string): string {
  return text === '' ? '' : `: ${text}`;
}

/** A client that is not found does not come by itself. */
function listingHint({ site, said }: { site: string; said: string }): string {
  const isMissing = /command not found|: not found|No such file or directory/.test(said);
  if (!isMissing) return 'try again later';
  return `put the scheduler's commands on the PATH there: ${setHint(site, 'connection.prologue')}`;
}

function shortened(command: string): string {
  return command.length > 160 ? `${command.slice(0, 160)}…` : command;
}

function setHint(site: string, key: string, value = '…'): string {
  return `glidein site set ${site === '' ? 'SITE' : site} ${key}=${value}`;
}

/** What has no effect is removed with null; anything else only its user knows. */
function meantValue(reason: string): string {
  return /\bremove it$/.test(reason) ? 'null' : '…';
}

/** Some reasons say at their end what is to be typed. */
function unusableFile({ file, reason }: Failure & { kind: 'file-unusable' }): Words {
  const [what = '', command = `ls -ld ${file}`] = reason.split('; type: ');
  return words(`${file} cannot be used: ${what}`, command);
}

function missingProfile(failure: Failure & { kind: 'profile-missing' }): Words {
  if (failure.known.length === 0)
    return words(
      `there is no site ${failure.site}; none has a profile yet`,
      `glidein init ${failure.site}   (or: glidein site import FILE)`,
    );
  return words(`there is no site ${failure.site}; there are ${failure.known.join(', ')}`, 'glidein site list');
}

function invalidProfile(failure: Failure & { kind: 'profile-invalid' }): Words {
  const where = failure.file ?? 'the profile';
  const count = failure.mistakes.length === 1 ? 'one mistake' : `${failure.mistakes.length} mistakes`;
  const hint =
    failure.site === null
      ? 'mend the file and import it again: glidein site import FILE'
      : setHint(failure.site, 'KEY');
  return words(`${where} has ${count}:${mistakeLines(failure.mistakes)}`, hint);
}

function mistakeLines(mistakes: readonly Mistake[]): string {
  return mistakes.map(({ key, message }) => `\n  ${key === '' ? '' : `${key} `}${message}`).join('');
}

function unfitQueue({ site, queue, mistakes }: Failure & { kind: 'queue-unfit' }): Words {
  const where = queue === null ? 'the default queue' : `the queue ${queue}`;
  return words(
    `${where} cannot run this job; nothing was submitted:${mistakeLines(mistakes)}`,
    `glidein discover ${site}   (what the queues offer; then: ${setHint(site, mistakes[0]?.key || 'scheduler.queue')})`,
  );
}

function fullQueue({ site, where, most, there, wanted }: Failure & { kind: 'queue-full' }): Words {
  const jobs = wanted === 1 ? 'one more job was' : `${wanted} more jobs were`;
  return words(
    `${where} takes at most ${most} ${most === 1 ? 'job' : 'jobs'} of yours at a time, and has ${there} of this site; ${jobs} not submitted`,
    `glidein discover ${site}   (shows the limits; later passes submit more when some have ended)`,
  );
}

function missingLog({ site, id, directory, hint }: Failure & { kind: 'log-missing' }): Words {
  const what = id === null ? 'no pilot has left a log yet' : `the pilot ${id} has left no log yet`;
  return words(
    `${what} in ${directory} of the login host`,
    hint ?? `glidein status ${site}   (a pilot writes its log when it runs)`,
  );
}

function refusalHint(failure: Failure & { kind: 'submit-refused' }): string {
  switch (failure.refusal) {
    case 'capacity':
      return 'the next pass asks for half as many';
    case 'transient':
      return 'try again later';
    case 'permanent':
      return `glidein render ${failure.site}   (shows the job; then mend it: glidein site set ${failure.site} scheduler.KEY=…)`;
  }
}

function tokenWords({ file, problem, detail }: Failure & { kind: 'token-unusable' }): Words {
  const texts: Record<TokenProblem, Words> = {
    missing: words(
      `there is no token at ${file}`,
      `put the token from your access point there: install -D -m 600 /dev/stdin ${file}`,
    ),
    unreadable: words(`the token ${file} cannot be read: ${detail}`, `ls -l ${file}`),
    'too-open': words(`others may read the token ${file} (${detail})`, `chmod 600 ${file}`),
    'not-a-token': words(`${file} does not hold a token: ${detail}`, 'ask your access point for a new one'),
    expired: words(
      `the token ${file} has expired (${detail})`,
      'ask your access point for a new one, and put it there',
    ),
    expiring: words(`the token ${file} does not last: ${detail}`, 'put a new one there, or add --allow-expiring'),
  };
  return texts[problem];
}
