import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { clearRemote } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { installMissing } from '../support/install.ts';
import { installPackage } from '../support/installed-package.ts';
import { loops } from '../support/loops.ts';
import { mustRun } from '../support/run-program.ts';
import { cancelAllJobs, livingJobs } from '../support/slurm-jobs.ts';
import { testToken } from '../support/test-token.ts';
import { asUser } from '../support/test-users.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Where Debian's cron looks for who sends its mail. */
const mailer = '/usr/sbin/sendmail';
const ourMark = '# glidein test: keeps what cron mails';
/** Then it is not for a test to stand in its place. */
const sendsForReal = existsSync(mailer) && !readFileSync(mailer, 'utf8').includes(ourMark);

describeOnCluster('a real cron daemon', (cluster) => {
  const { ada } = cluster.users;
  const own = join(ada.home, 'own');
  const mails = join(cluster.prefix, 'mails');
  let daemon: ChildProcess;

  beforeAll(async () => {
    await installMissing((line) => console.log(line), ['cron']);
    if (sendsForReal) return console.log(`NOT TESTED: cron, since ${mailer} of this machine sends mail for real`);
    writeFileSync(mailer, `#!/bin/sh\n${ourMark}\ncat >> ${mails}\n`, { mode: 0o755 });
    // It does not outlive a test run that is killed by much.
    daemon = spawn('timeout', ['900', '/usr/sbin/cron', '-f'], { stdio: 'ignore' });
    mkdirSync(own, { mode: 0o755 });
    await installPackage(own);
    writeFileSync(mails, '');
    chmodSync(mails, 0o666);
  }, 600_000);
  afterAll(async () => {
    if (sendsForReal) return;
    daemon.kill();
    if (daemon.exitCode === null) await once(daemon, 'close');
    rmSync(mailer);
  });
  beforeEach(() => {
    writeFileSync(join(ada.home, 'token'), `${testToken()}\n`, { mode: 0o600 });
    chownSync(join(ada.home, 'token'), ada.uid, ada.gid);
    const profile = {
      name: 'campus',
      target: 2,
      connection: { host: 'localhost', transport: 'local', prologue: [`export SLURM_CONF=${cluster.slurmConf}`] },
      scheduler: { kind: 'slurm', walltime: '00:30:00' },
      pilot: {
        site: 'Campus',
        resource: 'Campus-Slurm',
        owners: ['ada@ap.example.org'],
        token: '~/token',
        runtime: '/bin/true',
      },
    };
    writeFileSync(join(ada.home, 'campus.json'), JSON.stringify(profile), { mode: 0o644 });
  });
  afterEach(async () => {
    await asUser(cluster, ada, 'crontab -r');
    await cancelAllJobs(cluster);
    clearRemote(ada);
  });

  const glidein = async (words: string) => {
    const ran = await asUser(cluster, ada, `${process.execPath} ${own}/node_modules/glidein/bin/glidein.js ${words}`);
    expect(ran, ran.stderr).toMatchObject({ code: 0 });
    return ran.stdout;
  };
  const history = () => {
    const file = join(ada.home, '.local/share/glidein/history/campus.jsonl');
    return existsSync(file)
      ? readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line.includes('"kind":"pass"'))
      : [];
  };

  it.skipIf(sendsForReal)(
    'makes the passes, and has nothing to mail where all is well',
    async () => {
      const minutes = loops({ usual: 1, full: 3 });
      await glidein('site import campus.json');
      await mustRun('sh', ['-c', `printf '# hers\\nMAILTO=ada\\n' > ${ada.home}/table`]);
      await asUser(cluster, ada, 'crontab table');
      // At the target already: a pass that only looks.
      await glidein('site set campus target=0');
      await glidein('cron install --every 1m --table crontab');
      await waitUntil(`cron has made ${minutes} passes`, 70 * minutes, () => history().length >= minutes, 500);
      expect(history().map((line) => JSON.parse(line))).toMatchObject(
        Array(minutes).fill({ state: 'ok', submitted: 0 }),
      );
      expect(readFileSync(mails, 'utf8')).toBe('');
      console.log(`cron made ${history().length} passes in ${minutes} minutes, without a mail`);
      if (minutes > 1) {
        // The control: what changed is mailed.
        await glidein('site set campus target=2');
        await waitUntil('a mail', 80, () => readFileSync(mails, 'utf8').includes('submitted 2'), 500);
        expect(await livingJobs(cluster)).not.toHaveLength(0);
      }
      await glidein('cron remove --table crontab');
      expect((await asUser(cluster, ada, 'crontab -l')).stdout).toBe('# hers\nMAILTO=ada\n');
    },
    500_000,
  );
});
