import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        // Nothing but Node: no cluster, no root, seconds.
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/real/**'], testTimeout: 20_000 },
      },
      {
        // The real software: OpenSSH and Slurm, installed and started by the set-up, on loopback.
        test: {
          name: 'real',
          include: ['test/real/**/*.test.ts'],
          globalSetup: ['test/support/real-cluster.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
