import { spawnSync } from 'node:child_process';

/**
 * Programs of GNU's coreutils that login nodes and compute nodes have, and this machine may lack or have in another kind
 * (macOS, BSD, busybox). Each can what glidein needs of it there.
 */
export interface Substitute {
  name: string;
  /** POSIX `sh`: succeeds where the machine's own will do. */
  probe: string;
  /** The program's text. `own` is the machine's own one, or null; `node` runs a Node script. */
  text(own: string | null, node: string): string;
}

const shell = (lines: readonly string[]) => `#!/bin/sh\n${lines.join('\n')}\n`;

/** A Node script in a shell script, which finds its Node wherever that is. */
const script = (node: string, javascript: string) => shell([`exec ${node} -e '${javascript}' -- "$@"`]);

const otherwise = (own: string | null) => `exec ${own ?? 'false'} "$@"`;

export const substitutes: readonly Substitute[] = [
  {
    name: 'timeout',
    probe: 'timeout -k 1 5 true',
    text: (_own, node) =>
      script(
        node,
        `const args = process.argv.slice(1);
const after = args[0] === "-k" ? Number(args.splice(0, 2)[1]) : 0;
const child = require("node:child_process").spawn(args[1], args.slice(2), { stdio: "inherit" });
let late = false;
let last;
const first = setTimeout(() => {
  late = true;
  child.kill("SIGTERM");
  if (after > 0) last = setTimeout(() => child.kill("SIGKILL"), after * 1000);
}, parseFloat(args[0]) * 1000);
for (const name of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(name, () => child.kill(name));
child.on("error", () => process.exit(127));
child.on("exit", (code, signal) => {
  clearTimeout(first);
  clearTimeout(last);
  const numbers = require("node:os").constants.signals;
  process.exit(late && signal !== "SIGKILL" ? 124 : (code ?? 128 + numbers[signal]));
});`,
      ),
  },
  {
    name: 'tail',
    // Of a process that is gone.
    probe: 'true & wait $!; tail --pid=$! -f /dev/null',
    text: (own) =>
      shell([
        'case $1 in',
        // As GNU's with -f, this stays until the process is gone.
        `--pid=*) while kill -0 "\${1#--pid=}" 2>/dev/null; do sleep 0.2 2>/dev/null || sleep 1; done ;;`,
        `*) ${otherwise(own)} ;;`,
        'esac',
      ]),
  },
  {
    name: 'sha256sum',
    probe: '[ "$(printf abc | sha256sum | cut -c1-8)" = ba7816bf ]',
    text: (_own, node) =>
      script(
        node,
        `const { readFileSync } = require("node:fs");
const { createHash } = require("node:crypto");
const names = process.argv.slice(1);
for (const name of names.length === 0 ? ["-"] : names) {
  const bytes = readFileSync(name === "-" ? 0 : name);
  console.log(createHash("sha256").update(bytes).digest("hex") + "  " + name);
}`,
      ),
  },
  {
    name: 'base64',
    probe: '[ "$(echo YWJj | base64 -d)" = abc ]',
    text: (_own, node) =>
      script(
        node,
        `const { readFileSync } = require("node:fs");
const bytes = readFileSync(0);
if (process.argv[1] === "-d") process.stdout.write(Buffer.from(bytes.toString("latin1"), "base64"));
else console.log(bytes.toString("base64").replace(/.{76}(?=.)/g, "$&\\n"));`,
      ),
  },
  {
    name: 'mktemp',
    probe: `d=$(mktemp -d -- "\${TMPDIR:-/tmp}/glidein-demo-XXXXXXXXXX") && rmdir "$d"`,
    text: (own, node) =>
      shell([
        `if [ "$1" = -d ] && [ "$2" = -- ]; then`,
        `exec ${node} -e 'console.log(require("node:fs").mkdtempSync(process.argv[1].replace(/X+$/, "")))' -- "$3"`,
        'fi',
        otherwise(own),
      ]),
  },
  {
    name: 'stat',
    probe: "stat -c '%d %i %s %Y' -- /",
    text: (own, node) =>
      shell([
        `case " $* " in *" -c "*) exec ${node} -e '
const words = process.argv.slice(1).filter((word) => word !== "-L" && word !== "--");
const [format] = words.splice(words.indexOf("-c"), 2).slice(1);
for (const name of words) {
  const facts = require("node:fs").statSync(name, { throwIfNoEntry: false });
  if (facts === undefined) process.exitCode = 1;
  else {
    const values = { d: facts.dev, i: facts.ino, s: facts.size, Y: Math.floor(facts.mtimeMs / 1000), n: name };
    console.log(format.replace(/%(.)/g, (_, letter) => values[letter]));
  }
}' -- "$@" ;;`,
        'esac',
        otherwise(own),
      ]),
  },
  {
    name: 'env',
    probe: 'env -0',
    text: (own, node) =>
      shell([
        'if [ "$*" = -0 ]; then',
        `exec ${node} -e 'for (const [name, value] of Object.entries(process.env)) process.stdout.write(name + "=" + value + "\\0")'`,
        'fi',
        otherwise(own),
      ]),
  },
  {
    name: 'rm',
    probe: `rm -rf --one-file-system -- "\${TMPDIR:-/tmp}/glidein-demo-no-such"`,
    text: (own) =>
      shell(['if [ "$1" = -rf ] && [ "$2" = --one-file-system ]; then shift 2; set -- -rf "$@"; fi', otherwise(own)]),
  },
];

/** Those that this machine needs, each with its own program of that name, if there is one. */
export function missingPrograms(environment: NodeJS.ProcessEnv): { substitute: Substitute; own: string | null }[] {
  const lines = substitutes.map(
    ({ name, probe }, at) =>
      `if { ${probe}; } >/dev/null 2>&1; then :; else echo "${at} $(command -v ${name} || :)"; fi`,
  );
  const { stdout } = spawnSync('/bin/sh', ['-c', lines.join('\n')], { env: environment, encoding: 'utf8' });
  return stdout.split('\n').flatMap((line) => {
    const [, at, own = ''] = /^(\d+) (.*)$/.exec(line) ?? [];
    const substitute = substitutes[Number(at ?? Number.NaN)];
    return substitute === undefined ? [] : [{ substitute, own: own === '' ? null : own }];
  });
}
