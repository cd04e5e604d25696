import { defineConfig } from 'vitest/config';

/** Tests that start many real programs: shells, processes that are killed, the built program itself. Three minutes in all. */
const startPrograms = [
  'test/cli/**/*.test.ts',
  'test/config/concurrent-changes.test.ts',
  'test/config/file-lock.test.ts',
  'test/demo/demo.test.ts',
  'test/demo/slurm-round-trip.test.ts',
  'test/demo/stand-in.test.ts',
  'test/e2e/**/*.test.ts',
  'test/login/login-host.test.ts',
  'test/login/pilot-log.test.ts',
  'test/login/shell-session.test.ts',
  'test/script/cvmfs.test.ts',
  'test/script/hostile-values.test.ts',
  'test/script/job.test.ts',
  'test/transports/local.test.ts',
];

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
      {
        // The real software: OpenSSH and Slurm, installed and started by the set-up, on loopback; for `test/pool/` also
        // Apptainer and HTCondor. All files share the one cluster, so one runs after the other.
        test: {
          name: 'real',
          include: ['test/real/**/*.test.ts', 'test/pool/**/*.test.ts'],
          globalSetup: ['test/support/real-cluster.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
