// The import directions of docs/design.md ("The house"), as rules. `npm run check:imports` runs them and asserts that
// modules were seen at all.
const layers = [
  ['cli', '^src/cli/'],
  ['commands', '^src/commands/'],
  ['fleet', '^src/fleet/'],
  ['image', '^src/image/'],
  ['config', '^src/config/'],
  ['login', '^src/login/'],
  ['schedulers, transports, script', '^src/(schedulers|transports|script)/'],
  ['pilot', '^src/pilot/'],
  ['shell, failure, context', '^src/[^/]+\\.ts$'],
];

const toTheRightOnly = layers.slice(1).map(([name, path], index) => ({
  name: `only-rightwards-from-${name.replaceAll(/[^a-z]+/g, '-')}`,
  comment: `${name} may not import what stands left of it`,
  severity: 'error',
  from: { path },
  to: { path: layers.slice(0, index + 1).map((layer) => layer[1]) },
}));

/** A library belongs to the files named here and to no others. */
const onlyIn = (library, path) => ({
  name: `${library}-only-in-its-place`,
  severity: 'error',
  from: { path: '^src/', pathNot: path },
  to: { path: `^node_modules/${library}/` },
});

const pure = '^src/(pilot|script|schedulers)/|^src/image/(freshness|generations|image-source|proxy)\\.ts$|^src/login/(journal|census|evidence|observation|ended-pilots|remote-programs|cluster-facts|builder-words|building-program|file-reception|pilot-log|log-lines|past)\\.ts$|^src/fleet/(plan|breaker|budget|clearing|restraint|standing|pause-words|unexplained-ends)\\.ts$|^src/(shell|failure)\\.ts$';

module.exports = {
  forbidden: [
    ...toTheRightOnly,
    { name: 'no-siblings', severity: 'error', from: { path: '^src/(schedulers|transports|script)/' }, to: { path: '^src/(schedulers|transports|script)/', pathNot: '^src/$1/' } },
    { name: 'demo-stands-alone', severity: 'error', from: { path: '^src/demo/' }, to: { path: '^src/', pathNot: '^src/(demo/|failure\\.ts$)' } },
    { name: 'demo-is-loaded-by-its-command', severity: 'error', from: { path: '^src/', pathNot: '^src/(demo/|commands/demo\\.ts$)' }, to: { path: '^src/demo/' } },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, path: '^src/', pathNot: '^src/context\\.ts$' }, to: {} },
    // node:crypto's hash and node:buffer's encodings are functions of their input; everything else of Node is I/O or a clock.
    { name: 'pure-parts-are-pure', severity: 'error', from: { path: pure }, to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|buffer)$' } },
    onlyIn('commander', '^src/cli/'),
    onlyIn('ssh2', '^src/transports/ssh2(-keys)?\\.ts$|^src/demo/'),
    onlyIn('conf', '^src/config/conf-file\\.ts$'),
    onlyIn('handlebars', '^src/script/'),
    onlyIn('valibot', '^src/config/(schema|schema-pieces|scheduler-section)\\.ts$'),
    onlyIn('tar', '^src/image/packed-directory\\.ts$'),
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
};
