import type { Failure, RefusalClass, TokenProblem } from '../../src/failure.ts';

/** One kind of failure in docs/errors.md. Message, hint and exit code are the program's own; the rest is said here. */
export interface Guide<Kind extends Failure['kind']> {
  title: string;
  /** How it looks: one example for each of its faces, with what is special about that face, if anything. */
  looks: readonly { when: string | null; failure: Failure & { kind: Kind } }[];
  why: string;
  whatToDo: string;
}

/** Every kind: a new one does not compile without its guide. In the order in which a newcomer may meet them. */
export const errorsGuide: { readonly [Kind in Failure['kind']]: Guide<Kind> } = {
  usage: {
    title: 'The command line is not understood',
    looks: [
      {
        when: 'an option that is none',
        failure: {
          kind: 'usage',
          message: "unknown option '--cuont'\n(Did you mean --count?)",
          hint: 'glidein submit --help',
        },
      },
      {
        when: 'a command that must know more',
        failure: {
          kind: 'usage',
          message: 'no site has a profile yet',
          hint: 'glidein init   (or: glidein site import FILE)',
        },
      },
    ],
    why: 'A command, an option or a value is misspelt or missing. Nothing was read, written or connected to.',
    whatToDo: 'Type what stands behind `next:`. `--help` works behind every command.',
  },
  'profile-missing': {
    title: 'There is no such site',
    looks: [
      {
        when: 'there are others',
        failure: { kind: 'profile-missing', site: 'kampus', known: ['campus', 'physics'] },
      },
      { when: 'there is none', failure: { kind: 'profile-missing', site: 'campus', known: [] } },
    ],
    why: [
      'A site is known by its profile, and none has this name here. The name may be misspelt, or profiles are looked for',
      'in another directory: under `sudo`, in cron, with `--config-dir`, `GLIDEIN_CONFIG_DIR` or `XDG_CONFIG_HOME`.',
    ].join(' '),
    whatToDo: '`glidein site list` names the sites, or the directory in which there is none.',
  },
  'profile-invalid': {
    title: 'The profile has mistakes',
    looks: [
      {
        when: 'in a file to be imported',
        failure: {
          kind: 'profile-invalid',
          site: null,
          file: 'campus.json',
          mistakes: [
            { key: 'taget', message: 'unknown key; did you mean target?' },
            { key: 'scheduler.walltime', message: 'must be a wall clock [D-]HH:MM:SS, such as 24:00:00 or 2-00:00:00' },
          ],
        },
      },
      {
        when: 'in a profile that is there already',
        failure: {
          kind: 'profile-invalid',
          site: 'campus',
          file: '/home/ada/.config/glidein/sites/campus.json',
          mistakes: [
            { key: 'pilot.owners', message: 'must name at least one owner: a pilot runs only the jobs of its owners' },
          ],
        },
      },
    ],
    why: [
      'Each line names a key and what is wrong with it; all mistakes are told at once. A key that is not known is a mistake',
      'too, since a misspelt limit would be no limit.',
    ].join(' '),
    whatToDo: 'Mend the file and import it again, or set the key: `glidein site set campus KEY=VALUE`.',
  },
  'file-broken': {
    title: 'A file of ours cannot be read as what it should be',
    looks: [
      {
        when: null,
        failure: {
          kind: 'file-broken',
          file: '/home/ada/.config/glidein/sites/campus.json',
          line: 3,
          reason: 'expected a value, found }',
        },
      },
    ],
    why: 'An editor or a full disk left it half written, or it was changed by hand. It is left as it is.',
    whatToDo: 'Mend the line that is named. Or move the file away and import the profile again.',
  },
  'file-unusable': {
    title: 'A file cannot be used',
    looks: [
      {
        when: 'the system does not let us',
        failure: {
          kind: 'file-unusable',
          file: '/home/ada/.config/glidein/sites',
          reason: 'EACCES: permission denied',
        },
      },
      {
        when: 'it is not safe',
        failure: {
          kind: 'file-unusable',
          file: '/home/ada/.config/glidein/sites/campus.json',
          reason: 'others may write to it; type: chmod 600 /home/ada/.config/glidein/sites/campus.json',
        },
      },
    ],
    why: [
      'It cannot be read or written, is no regular file, is too large, or others may write to it: a profile says what runs',
      'on the cluster under your name. A first run with `sudo` leaves files of root in your home directory.',
    ].join(' '),
    whatToDo:
      'Look at owner, mode and free space: `ls -ld FILE`, `df -h`. Give it back to yourself or free some space.',
  },
  'file-busy': {
    title: 'Another process is changing the same file',
    looks: [
      {
        when: null,
        failure: { kind: 'file-busy', file: '/home/ada/.config/glidein/sites/campus.json' },
      },
    ],
    why: 'Two commands change one profile at a time. The second waits for the first, but not for ever.',
    whatToDo: 'Type it again.',
  },
  'template-invalid': {
    title: 'A job template of your own cannot be used',
    looks: [
      {
        when: null,
        failure: {
          kind: 'template-invalid',
          template: '/home/ada/.config/glidein/templates/slurm.sh.hbs',
          line: 12,
          reason: 'a directive must end its line',
        },
      },
    ],
    why: [
      'A template is checked before it is used, so that no value of a profile can become a command of the job. What it may',
      'hold is in [templates.md](templates.md).',
    ].join(' '),
    whatToDo: 'Mend the line, or move the file away: then the template that comes with `glidein` is used.',
  },
  'value-refused': {
    title: 'A value cannot be carried into the job',
    looks: [
      {
        when: null,
        failure: {
          kind: 'value-refused',
          site: 'campus',
          key: 'scheduler.walltime',
          reason: 'it must be at least 00:30:00',
        },
      },
    ],
    why: [
      'The value is right as JSON, but no way is known to hand it to the batch system, the container or HTCondor exactly as',
      'it is. It is not changed silently, so the job is not made at all.',
    ].join(' '),
    whatToDo: 'Set another value, and look at the job: `glidein render campus`.',
  },
  'token-unusable': {
    title: 'The token cannot be used',
    looks: [
      look('missing', 'ENOENT'),
      look('unreadable', 'EACCES'),
      look('too-open', 'mode 644'),
      look('not-a-token', 'it does not have the three parts of a token'),
      look('expired', 'it ended 2026-12-20T12:11:09Z'),
      look('expiring', 'it ends 2026-12-20T12:11:09Z, before a pilot that starts now would (2026-12-21T02:00:00Z)'),
    ],
    why: [
      'Pilots join the pool with this token. Without one that is good until the wall clock ends they would take a node and',
      'find no work, so nothing is submitted. Whoever reads the file can add nodes of their own to your pool: it must be',
      'yours alone.',
    ].join(' '),
    whatToDo: [
      'Ask your access point for a token for pilots and put it into the file with mode 600.',
      '`glidein token check campus` says what it is good for. `--allow-expiring` submits all the same, for a short job.',
    ].join(' '),
  },
  unreachable: {
    title: 'The login node was not reached',
    looks: [
      reach('configuration', '-oProxyCommand', '"-oProxyCommand" cannot be the name of a host or a user'),
      reach(
        'resolve',
        'ada@login.exmaple.org:22',
        'the name login.exmaple.org does not resolve',
        'Check `connection.host`.',
      ),
      reach(
        'connect',
        'ada@login.example.org:22',
        'connection refused: nothing listens on port 22 of login.example.org',
      ),
      reach(
        'handshake',
        'ada@login.example.org:22',
        'the host took the connection, but the SSH handshake was not finished within 20 s',
      ),
      reach(
        'login',
        'ada@login.example.org:22',
        'the server accepts no key of ours for user ada; tried: ~/.ssh/id_ed25519; the server offers: publickey',
        'Try: ssh ada@login.example.org',
      ),
      {
        when: 'connect, through a jump host',
        failure: reach(
          'connect',
          'ada@login.example.org:22',
          'the jump host ada@gate.example.org:22 cannot reach login.example.org port 22: Connection refused',
        ).failure,
      },
      {
        when: 'login, with what only OpenSSH has',
        failure: reach(
          'login',
          'ada@login.example.org:22',
          [
            'the server wants gssapi-with-mic for user ada, which the transport ssh2 does not have, and takes no keys;',
            'there was no key to try; the server offers: gssapi-with-mic',
          ].join(' '),
          'glidein site set campus connection.transport=openssh',
        ).failure,
      },
      {
        when: 'login, after a wrong answer',
        failure: reach(
          'login',
          'ada@login.example.org:22',
          [
            'the server did not take what was answered for user ada; tried: ~/.ssh/id_ed25519;',
            'the server offers: keyboard-interactive',
          ].join(' '),
          'glidein login campus',
        ).failure,
      },
      reach('shell', 'ada@login.example.org:22', 'no shell started within 20 s'),
    ],
    why: [
      'The word in brackets says how far it came. `configuration`: what to connect to could not be made out, from profile',
      'and `~/.ssh/config`. `resolve`: the name has no address. `connect`: there is an address, and nothing answers at',
      'its port: the host is down, a firewall is in between, or you are not in the network of the site.',
      '`handshake`: something answers, but not as an SSH server does in time. `login`: the server does not let you in with what',
      'it was given. The name before the brackets may be that of a jump host. `shell`: you are in, and no command starts. Nothing was done at the site.',
    ].join(' '),
    whatToDo: [
      'Try by hand: `ssh ada@login.example.org`. What that cannot do, `glidein` cannot either. A site that is down needs',
      'nothing: the next pass tries again. In cron there may be no agent (see the README, "Cron").',
    ].join(' '),
  },
  'host-key-unknown': {
    title: 'The host is not known yet',
    looks: [
      {
        when: null,
        failure: {
          kind: 'host-key-unknown',
          site: 'campus',
          host: 'login.example.org',
          port: 22,
          fingerprint: 'SHA256:4o8Zp6l5Yw0m0W0T1kqz1YgU2mA8bqQ3c7d9e1f2g3h',
          hint: [
            'Type: ssh ada@login.example.org  and compare the fingerprint with what the site publishes',
            '(or add the right line of `ssh-keyscan login.example.org` to /home/ada/.ssh/known_hosts).',
          ].join(' '),
        },
      },
    ],
    why: 'The first connection to a host must be judged by a person. Without a terminal nobody is there to ask.',
    whatToDo: [
      'Log in once by hand, compare the fingerprint with what the site publishes, and say yes. A site with several login',
      'nodes behind one name has several keys: each must be known.',
    ].join(' '),
  },
  'host-key-changed': {
    title: 'The host shows another key than before',
    looks: [
      {
        when: null,
        failure: {
          kind: 'host-key-changed',
          site: 'campus',
          host: 'login.example.org',
          port: 22,
          fingerprint: 'SHA256:9x1Zp6l5Yw0m0W0T1kqz1YgU2mA8bqQ3c7d9e1f2g3h',
          known: '/home/ada/.ssh/known_hosts:7',
          hint: [
            'Somebody may be in between. Ask the site whether its key has changed; if so, type:',
            'ssh-keygen -R login.example.org -f /home/ada/.ssh/known_hosts',
          ].join(' '),
        },
      },
    ],
    why: 'The host was installed anew, or it is not the host you think it is. Neither a password nor a token was sent.',
    whatToDo: 'Ask the site, by another way than this connection. Only then forget the old key and log in by hand.',
  },
  'needs-terminal': {
    title: 'Something must be typed, and there is no terminal',
    looks: [
      {
        when: 'a key is behind a passphrase',
        failure: {
          kind: 'needs-terminal',
          site: 'campus',
          what: 'the passphrase of the key /home/ada/.ssh/id_ed25519',
          hint: [
            'Put the key into an agent that this program can reach (SSH_AUTH_SOCK). Type:',
            'ssh-add /home/ada/.ssh/id_ed25519',
          ].join(' '),
        },
      },
      {
        when: 'the site asks for a password or a code, and the transport is `ssh2`',
        failure: {
          kind: 'needs-terminal',
          site: 'campus',
          what: 'a code or password for ada@login.example.org (keyboard-interactive, after ~/.ssh/id_ed25519)',
          hint: [
            'glidein site set campus connection.transport=openssh && glidein login campus',
            '  (once, at a terminal: later passes use that login)',
          ].join(' '),
        },
      },
    ],
    why: [
      'In cron, in a pipe and with `--json` nobody can be asked for a passphrase, a password or a code. At a terminal you are',
      'asked; what you type is not shown, kept or told anywhere, and a wrong answer is not tried a second time.',
    ].join(' '),
    whatToDo: [
      'For a passphrase: use an agent, or a key of its own without a passphrase (see the README, "Cron"). For a password or a',
      'code: take the transport `openssh`, and log in once (see the README, "Sites with a second factor").',
    ].join(' '),
  },
  'login-needed': {
    title: 'A person must log in first',
    looks: [
      {
        when: 'the site asks for a second factor, and no connection is up',
        failure: {
          kind: 'login-needed',
          site: 'campus',
          target: 'ada@login.example.org:22',
          why: 'the server asks for keyboard-interactive, which only a person can answer',
        },
      },
      {
        when: 'an earlier try was refused',
        failure: {
          kind: 'login-needed',
          site: 'campus',
          target: 'ada@login.example.org',
          why: [
            'the login was refused (2026-11-20T04:05:00.000Z: the server accepts no key of ours for user ada);',
            'so that nobody is locked out, it is not tried again before you log in',
          ].join(' '),
        },
      },
      {
        when: 'a person logged in by `ssh2`, which keeps no connection',
        failure: {
          kind: 'login-needed',
          site: 'campus',
          target: 'ada@login.example.org',
          why: [
            'a person logged in before (2026-11-20T04:05:00.000Z: it took a code or password);',
            'so that nobody is locked out, it is not tried where nobody can be asked',
          ].join(' '),
          hint: 'glidein site set campus connection.transport=openssh && glidein login campus',
        },
      },
    ],
    why: [
      'Servers lock out who fails to log in again and again, and cron would. So a login that was refused is made once and not',
      'again, by no process on this machine, until `glidein login` succeeds or the connection part of the profile is changed.',
    ].join(' '),
    whatToDo: [
      'Type `glidein login campus` at a terminal on the machine that makes the passes. With `connection.transport=openssh` it',
      'asks for what the site wants, and later passes go through the connection that it leaves up (README, "Sites with a second',
      'factor"). Where the key was the mistake, mend that first.',
    ].join(' '),
  },
  'connection-lost': {
    title: 'The connection broke off',
    looks: [
      {
        when: null,
        failure: {
          kind: 'connection-lost',
          site: 'campus',
          step: 'reading the queue',
          reason: 'the connection ended: read ECONNRESET',
        },
      },
    ],
    why: [
      'The network, the login node or its administrators ended it. What had begun there is finished there: a submission is',
      'not lost by this, it is only not known yet whether it was taken.',
    ].join(' '),
    whatToDo: 'Nothing: the next pass reads what happened. `glidein status campus` shows it now.',
  },
  'timed-out': {
    title: 'The login node does not answer in time',
    looks: [
      {
        when: null,
        failure: { kind: 'timed-out', site: 'campus', step: 'reading the queue', seconds: 40 },
      },
    ],
    why: 'The connection is there, but the scheduler or the file system is slow or stuck.',
    whatToDo: [
      'Try again later. Where that is usual, give it more time: `connection.timeouts.list` and',
      '`connection.timeouts.submit`, in seconds.',
    ].join(' '),
  },
  'login-host-unusable': {
    title: 'The login node cannot do what is needed',
    looks: [
      {
        when: 'no shell',
        failure: {
          kind: 'login-host-unusable',
          site: 'campus',
          what: 'no shell answered within 20 s',
          said: 'Choose a project [1-4]:',
          hint: 'A start-up file of the account may ask something or end the shell; try `connection.loginShell=false`.',
        },
      },
      {
        when: 'no space',
        failure: {
          kind: 'login-host-unusable',
          site: 'campus',
          what: 'nothing can be written to ~/.glidein/campus (is the disk or the quota full?); nothing was submitted',
          said: 'mkdir: cannot create directory: Disk quota exceeded',
        },
      },
    ],
    why: [
      'You are logged in, and then: a start-up file asks something or ends the shell, a directory cannot be made or',
      'written, or a command is missing that is needed there (see the README, "Install").',
    ].join(' '),
    whatToDo: [
      'Read what the login node said, and log in by hand to see the same. For a full quota free some space or set',
      '`connection.remoteDir`; for a start-up file `connection.loginShell=false`, with `connection.prologue` for what',
      'it would have set.',
    ].join(' '),
  },
  'lock-busy': {
    title: 'Another pass is at work at this site',
    looks: [
      {
        when: null,
        failure: {
          kind: 'lock-busy',
          site: 'campus',
          holder: 'ada on laptop (process 4711) since 2026-11-20T12:14:05.000Z',
          waitedSeconds: 60,
        },
      },
    ],
    why: 'Two passes must not count and submit at the same time, so the second waits, a minute at most.',
    whatToDo: [
      'Nothing, if it is rare. If each run of cron says so, passes take longer than the time between them: let cron come',
      'less often, or see with `--verbose` what they wait for.',
    ].join(' '),
  },
  'fence-lost': {
    title: 'Other passes were always quicker',
    looks: [{ when: null, failure: { kind: 'fence-lost', site: 'campus', tries: 5 } }],
    why: [
      'Where the lock does not hold (some file systems share none between login nodes) a second barrier keeps two passes',
      'from submitting on the same count. This one met others there each time.',
    ].join(' '),
    whatToDo: 'Let one machine only top up a site. Nothing is wrong with the pilots.',
  },
  'listing-incomplete': {
    title: 'The queue could not be read whole',
    looks: [
      {
        when: null,
        failure: {
          kind: 'listing-incomplete',
          site: 'campus',
          command: 'squeue --all --states=all --name=g-campus',
          said: 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)',
        },
      },
    ],
    why: [
      'The scheduler is down or busy, or its answer was cut. Who cannot count must not submit: a listing that shows less',
      'than there is would lead to too many pilots.',
    ].join(' '),
    whatToDo: 'Usually nothing: the next pass tries again. If it lasts, type the command there by hand.',
  },
  'submit-refused': {
    title: 'The scheduler refuses the job',
    looks: [
      refusal('permanent', 'sbatch: error: invalid partition specified: lnog'),
      refusal('capacity', 'sbatch: error: AssocMaxSubmitJobLimit'),
      refusal('transient', 'sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying'),
    ],
    why: [
      'Behind the colon are the scheduler’s own words. `permanent`: asking again changes nothing. `capacity`: a limit on',
      'the number of jobs. `transient`: it is busy.',
    ].join(' '),
    whatToDo: [
      '`permanent`: compare the job with what the site offers (`glidein discover campus`, `glidein render campus`) and set',
      'the key that is wrong. The others mend themselves: after a refusal for capacity the next pass asks for half as many.',
    ].join(' '),
  },
  'queue-unfit': {
    title: 'The queue cannot run this job',
    looks: [
      {
        when: null,
        failure: {
          kind: 'queue-unfit',
          site: 'campus',
          queue: 'short',
          mistakes: [
            { key: 'scheduler.walltime', message: 'is 1-00:00:00; the queue allows at most 04:00:00' },
            { key: 'scheduler.gpus', message: 'is 2; no node of the queue has GPUs' },
          ],
        },
      },
      {
        when: 'no queue is named',
        failure: {
          kind: 'queue-unfit',
          site: 'campus',
          queue: null,
          mistakes: [{ key: 'scheduler.memoryMB', message: 'is 512000; the largest node has 191000' }],
        },
      },
    ],
    why: [
      'The scheduler was asked what its queues offer, and this job fits none of the nodes, or breaks a limit. Some',
      'schedulers take such a job all the same and let it wait for ever.',
    ].join(' '),
    whatToDo: '`glidein discover campus` shows the queues. Set another one, or ask for less.',
  },
  'queue-full': {
    title: 'You have as many jobs there as you may',
    looks: [
      { when: null, failure: { kind: 'queue-full', site: 'campus', where: 'short', most: 3, there: 2, wanted: 4 } },
      {
        when: 'the limit is the cluster’s',
        failure: { kind: 'queue-full', site: 'campus', where: 'the cluster', most: 40, there: 40, wanted: 1 },
      },
    ],
    why: [
      'A user may have only so many jobs, waiting or running, in this queue or on this cluster. The scheduler would refuse',
      'a submission that comes to more, often as a whole, so as many as fit are submitted and the rest is not tried.',
      'The limit was asked for just now; jobs of yours that are no pilots of the site count there too.',
    ].join(' '),
    whatToDo:
      'Usually nothing: when pilots have ended the next pass submits more. A target above the limit is never reached: set a lower one, or another queue.',
  },
  'in-doubt': {
    title: 'Nobody knows yet whether the job was taken',
    looks: [
      {
        when: null,
        failure: {
          kind: 'in-doubt',
          site: 'campus',
          tag: 'campus-cwrzml8sse',
          said: 'sbatch: error: Socket timed out on send/recv operation',
        },
      },
    ],
    why: [
      'The submit command ended without an answer. Schedulers were seen to run such a job minutes later, so it counts as if',
      'it were there, and it is not repeated.',
    ].join(' '),
    whatToDo: 'Nothing: passes settle it, the second one that comes 5 minutes or more after the attempt.',
  },
  'cancel-refused': {
    title: 'The scheduler refuses to cancel',
    looks: [
      {
        when: null,
        failure: {
          kind: 'cancel-refused',
          site: 'campus',
          said: 'scancel: error: Unable to contact slurm controller (connect failure)',
        },
      },
    ],
    why: 'The scheduler is down or busy, or the jobs are not yours.',
    whatToDo: 'See what is still there, `glidein status campus`, and cancel again.',
  },
  'pilot-unknown': {
    title: 'There is no such pilot',
    looks: [{ when: null, failure: { kind: 'pilot-unknown', site: 'campus', id: '101_7' } }],
    why: 'The id is misspelt or another site’s, or the pilot has ended. Nothing was cancelled, the others you named neither.',
    whatToDo: '`glidein status campus` shows the ids there are, and those that ended lately.',
  },
  'image-missing': {
    title: 'The image is not where the profile says',
    looks: [
      {
        when: null,
        failure: { kind: 'image-missing', site: 'campus', path: '~/.glidein/ospool-ep.sif' },
      },
    ],
    why: 'Scratch file systems are emptied, paths differ between clusters. Without its image each pilot would fail on its node.',
    whatToDo: [
      'Put the image there again (see the README, "Your first site"), or correct the path. `image.remotePath=null` lets each',
      'pilot fetch it by itself, slowly.',
    ].join(' '),
  },
  'image-unknown': {
    title: 'There is no image of this name',
    looks: [
      {
        when: 'there are others',
        failure: { kind: 'image-unknown', site: 'campus', name: '25-relase', known: ['25-release'] },
      },
      { when: 'there is none', failure: { kind: 'image-unknown', site: null, name: '25-release', known: [] } },
    ],
    why: [
      'The name stands in a profile (`image.name`) or on the command line, and no image of that name was built on this',
      'machine. Images are kept for each user and machine; with `--config-dir` they are below that directory.',
    ].join(' '),
    whatToDo:
      'Build it. `glidein image list` says which there are. `image.name=null` lets the profile go by `image.source`.',
  },
  'builder-missing': {
    title: 'Nothing here can build an image',
    looks: [{ when: null, failure: { kind: 'builder-missing', looked: 'on the PATH' } }],
    why: 'An image is built by Apptainer or Singularity on this machine. macOS and Windows have neither.',
    whatToDo: [
      'Build on the login node of a site: `glidein image build --on campus`. Or install Apptainer here, or build on a machine that',
      'has it and put the SIF on the cluster (see the README, "Your first site").',
    ].join(' '),
  },
  'build-failed': {
    title: 'The image could not be built',
    looks: [
      {
        when: null,
        failure: {
          kind: 'build-failed',
          site: null,
          name: '25-release',
          source: 'docker://hub.opensciencegrid.org/osg-htc/ospool-ep:25-release',
          said: 'FATAL: While performing build: conveyor failed to get: reading manifest: unexpected EOF',
        },
      },
      {
        when: 'where the login host kills what works hard',
        failure: {
          kind: 'build-failed',
          site: 'campus',
          name: '25-release',
          source: 'docker://hub.opensciencegrid.org/osg-htc/ospool-ep:25-release',
          said: 'FATAL: While performing build: while running mksquashfs: signal: killed',
          hint: 'glidein image build --on campus --batch --source docker://hub.opensciencegrid.org/osg-htc/ospool-ep:25-release   (a batch job builds)',
        },
      },
    ],
    why: [
      'What stands behind the colon are the last words of the program that built: a tag that does not exist, a registry that',
      'cannot be reached, a proxy, a full disk; on a login host also its limits on heavy work; of a batch job, that it did not start, or',
      'was ended. Images that were there before are as they were.',
    ].join(' '),
    whatToDo:
      'Type it again with `--verbose`: all that the program says is shown. On a login host that forbids it, let a batch job build: `--batch`.',
  },
  'no-space-here': {
    title: 'A disk of this machine has not the room',
    looks: [
      {
        when: null,
        failure: {
          kind: 'no-space-here',
          what: 'building 25-release',
          directory: '/home/ada/.local/share/glidein/images',
          neededBytes: 6_200_000_000,
          freeBytes: 900_000_000,
        },
      },
    ],
    why: 'What is pulled, what is unpacked and the image itself lie on the disk at the same time: some five times what is pulled.',
    whatToDo: [
      'Make room, or set `TMPDIR` to a directory on a larger disk: what is pulled and unpacked goes there. The image itself',
      'is kept below `XDG_DATA_HOME`. `glidein image prune` takes away images that no profile uses.',
    ].join(' '),
  },
  'distribution-missing': {
    title: 'The CVMFS distribution is nowhere',
    looks: [
      {
        when: null,
        failure: {
          kind: 'distribution-missing',
          site: 'campus',
          here: '/home/ada/cvmfsexec',
          there: '~/cvmfsexec',
        },
      },
    ],
    why: [
      '`pilot.cvmfsOptions.dist` names what `makedist` made. It is looked for on this machine, from where it is sent, and',
      'then, under the same path, on the login host. It is in neither place.',
    ].join(' '),
    whatToDo: [
      'Make it with `makedist` of cvmfsexec, on either machine, for the nodes’ kind of system; or correct the path; or set',
      '`pilot.cvmfs=auto` and `pilot.cvmfsOptions=null` where the nodes have CVMFS.',
    ].join(' '),
  },
  'no-space': {
    title: 'There is no room on the login node',
    looks: [
      {
        when: null,
        failure: {
          kind: 'no-space',
          site: 'campus',
          what: 'the CVMFS distribution',
          directory: '~/.glidein/campus/cvmfs',
          neededBytes: 84_213_760,
          freeBytes: 12_058_624,
        },
      },
      {
        when: 'where a batch job was to build an image',
        failure: {
          kind: 'no-space',
          site: 'campus',
          what: 'building 25-release',
          directory: '/local',
          neededBytes: 6_200_000_000,
          freeBytes: 900_000_000,
          node: { name: 'c012', key: 'pilot.scratch' },
        },
      },
    ],
    why: 'What is to be sent is larger than what is left on that disk. It was asked before anything was sent.',
    whatToDo: [
      'Remove something there, or let `connection.jobDir` (and `connection.remoteDir`) be on a larger disk that the nodes see',
      'too. A full quota is not seen beforehand: it shows as "cannot be written".',
    ].join(' '),
  },
  'delivery-broken': {
    title: 'Something arrived other than it was sent',
    looks: [
      {
        when: null,
        failure: {
          kind: 'delivery-broken',
          site: 'campus',
          what: 'the CVMFS distribution',
          path: '~/.glidein/campus/cvmfs/5f1d7a84db00d2fce00b31a7fc73224f.tar',
        },
      },
    ],
    why: 'What the login node wrote has another SHA-256 than what was sent. No job ever sees such a file.',
    whatToDo:
      'Nothing: the next pass sends it again. If it lasts, the disk there or the memory of either machine is bad.',
  },
  'log-missing': {
    title: 'There is no log',
    looks: [
      {
        when: 'of any pilot',
        failure: { kind: 'log-missing', site: 'campus', id: null, directory: '~/.glidein/campus/logs' },
      },
      {
        when: 'of this one',
        failure: { kind: 'log-missing', site: 'campus', id: '102_4', directory: '~/.glidein/campus/logs' },
      },
    ],
    why: 'A pilot writes its log on its node once it runs. One that still waits, or was cancelled before, has none.',
    whatToDo:
      '`glidein status campus` shows which pilots run. A log that was there may have been cleaned away by the site.',
  },
  'cron-refused': {
    title: 'The table of what cron runs cannot be changed',
    looks: [
      {
        when: null,
        failure: {
          kind: 'cron-refused',
          program: 'crontab',
          said: 'You (ada) are not allowed to use this program (crontab)',
        },
      },
    ],
    why: 'There is no cron on this machine, you may not use it (`/etc/cron.allow`), or its table was changed by another at the same moment.',
    whatToDo:
      'Try again where another program was at it. Else let `glidein keep` run as a service: `glidein cron show --systemd` prints the unit.',
  },
  'demo-impossible': {
    title: 'The demo cannot run on this machine',
    looks: [
      {
        when: null,
        failure: {
          kind: 'demo-impossible',
          reason: 'no directory can be made in /tmp: ENOSPC: no space left on device',
          hint: 'TMPDIR=/some/other/place glidein demo',
        },
      },
    ],
    why: 'The demo starts a small login node and batch system of its own, on loopback and in a temporary directory.',
    whatToDo: 'Do what stands behind `next:`. Nothing else of `glidein` depends on the demo.',
  },
  interrupted: {
    title: 'You interrupted it',
    looks: [{ when: null, failure: { kind: 'interrupted' } }],
    why: 'Ctrl-C, or a signal from the system. What had begun on the login node is finished there.',
    whatToDo: '`glidein status` shows how things stand.',
  },
};

function look(problem: TokenProblem, detail: string) {
  const file = '/home/ada/.config/glidein/campus.token';
  return { when: problem, failure: { kind: 'token-unusable' as const, site: 'campus', file, problem, detail } };
}

type Unreachable = Failure & { kind: 'unreachable' };

function reach(stage: Unreachable['stage'], target: string, reason: string, hint?: string) {
  const failure: Unreachable = { kind: 'unreachable', site: 'campus', target, stage, reason };
  return { when: stage, failure: hint === undefined ? failure : { ...failure, hint } };
}

function refusal(refused: RefusalClass, said: string) {
  return { when: refused, failure: { kind: 'submit-refused' as const, site: 'campus', refusal: refused, said } };
}
