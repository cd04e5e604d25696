import { defineConfig } from 'vitest/config';
import type { Line } from './test/support/lines.ts';

/** Tests that start many real programs: shells, processes that are killed, the built program itself. Three minutes in all. */
const startPrograms = [
  'test/cli/**/*.test.ts',
  'test/config/concurrent-changes.test.ts',
  'test/config/file-lock.test.ts',
  'test/demo/conformance.test.ts',
  'test/demo/demo.test.ts',
  'test/demo/fault-matrix.test.ts',
  'test/demo/jobs-as-each-runs-them.test.ts',
  'test/demo/kept-at-target.test.ts',
  'test/demo/left-alone.test.ts',
  'test/demo/queue-limit.test.ts',
  'test/demo/round-trip.test.ts',
  'test/demo/stand-in.test.ts',
  'test/e2e/**/*.test.ts',
  'test/login/building-job.test.ts',
  'test/login/cluster-facts.test.ts',
  'test/fleet/image-refresh.test.ts',
  'test/image/build.test.ts',
  'test/image/store-writers.test.ts',
  'test/fleet/history-writers.test.ts',
  'test/login/login-host.test.ts',
  'test/login/pilot-log.test.ts',
  'test/login/segmented-delivery.test.ts',
  'test/login/shell-session.test.ts',
  'test/login/site-facts.test.ts',
  'test/script/cvmfs.test.ts',
  'test/script/hostile-values.test.ts',
  'test/script/job.test.ts',
  'test/transports/local.test.ts',
];

/** What is about a login host, its sshd and its shells, more than about Slurm. */
const onLoginHosts = [
  'test/real/check.test.ts',
  'test/real/cron.test.ts',
  'test/real/cut-connections.test.ts',
  'test/real/first-site.test.ts',
  'test/real/init.test.ts',
  'test/real/image-push.test.ts',
  'test/real/image-on-site.test.ts',
  'test/real/jump-hosts.test.ts',
  'test/real/known-hosts.test.ts',
  'test/real/left-behind.test.ts',
  'test/real/login-addresses.test.ts',
  'test/real/login-hosts.test.ts',
  'test/real/many-sites.test.ts',
  'test/real/one-connection.test.ts',
  'test/real/openssh-site.test.ts',
  'test/real/report-page.test.ts',
  'test/real/second-factor*.test.ts',
  'test/real/secrets.test.ts',
  'test/real/terminal.test.ts',
  'test/real/transports.test.ts',
  'test/real/watch.test.ts',
];

/**
 * The real software: OpenSSH and Slurm, installed and started by the set-up, on loopback. The files of a line share its one
 * cluster, so one runs after the other; the lines themselves disturb each other as little as they would on two machines.
 */
function line(name: Line, include: readonly string[], exclude: readonly string[] = []) {
  return {
    test: {
      name,
      include: [...include],
      exclude: [...exclude],
      globalSetup: ['test/support/real-cluster.ts'],
      testTimeout: 180_000,
      hookTimeout: 180_000,
      fileParallelism: false,
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      {
        // Nothing but Node: seconds.
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/real/**', 'test/pool/**', ...startPrograms],
          testTimeout: 20_000,
        },
      },
      {
        // Node and a POSIX system; no cluster, no root.
        test: { name: 'programs', include: startPrograms, testTimeout: 60_000 },
      },
      line('real', ['test/real/**/*.test.ts'], onLoginHosts),
      line('login', onLoginHosts),
      // With Apptainer and HTCondor, too.
      line('pool', ['test/pool/**/*.test.ts']),
    ],
  },
});
