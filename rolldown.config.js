import { defineConfig } from 'rolldown';

/**
 * The second half of `npm run build`: what tsc made in `build/` becomes a few files in `dist/cli/`, since a pass from cron
 * spends a good part of its time on opening each of them (docs/decisions/0009-few-files.md). Nothing is renamed or
 * squeezed, and libraries stay where npm put them.
 */
export default defineConfig({
  input: 'build/cli/main.js',
  platform: 'node',
  external: (id) => !/^[./]/.test(id),
  output: {
    dir: 'dist',
    cleanDir: true,
    format: 'esm',
    entryFileNames: 'cli/main.js',
    // As deep as the sources are, so that `../../templates/` leads to the same place from both.
    chunkFileNames: 'cli/[name].js',
  },
});
