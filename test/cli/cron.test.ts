import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { useConfigDirectory } from '../support/config-directory.ts';
import { exampleWith } from '../support/example-profile.ts';
import { glidein } from '../support/glidein.ts';
import { run } from '../support/run-program.ts';

const directory = useConfigDirectory();
let programs: string;
let table: string;

/** A stand-in for crontab that takes its time, as one on a busy machine does, and refuses what the real one refuses. */
const crontab = (file: string) => `#!/bin/sh
case $1 in
-l) [ -e ${file} ] || { echo "no crontab for ada" >&2; exit 1; }; exec cat ${file} ;;
esac
[ -z "$(tail -c 1 "$1")" ] || { echo 'missing newline before EOF, can'"'"'t install.' >&2; exit 1; }
sleep 0.1; cp "$1" ${file}.new && mv ${file}.new ${file}
`;

beforeEach(() => {
  programs = join(dirname(directory.path), 'programs');
  table = join(dirname(directory.path), 'table');
  mkdirSync(programs, { recursive: true });
  write('crontab', crontab(table));
  addSite('campus');
});

function write(name: string, text: string): void {
  writeFileSync(join(programs, name), text);
  chmodSync(join(programs, name), 0o755);
}
const addSite = (name: string, more = {}) =>
  directory.write(`sites/${name}.json`, JSON.stringify(exampleWith({ name, ...more })));
const call = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  glidein(directory.path, args, {
    env: { PATH: `${programs}:${process.env['PATH']}`, XDG_DATA_HOME: dirname(directory.path), ...env },
  });

describe('cron install', () => {
  it('writes one line that a shell can run as it is, and takes it out again', async () => {
    const before = '# mine\r\nMAILTO=ada@example.org\n\xff 1 1 1 1 1 true';
    writeFileSync(table, before, 'latin1');
    const installed = await call(['cron', 'install', '--every', '5m']);
    expect(installed).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^crontab: installed\n[\d,]+ \* \* \* \* \/usr\/bin\/env /),
    });
    const [line = ''] = readFileSync(table, 'latin1')
      .slice(before.length + 1)
      .split('\n');
    expect(readFileSync(table, 'latin1')).toBe(`${before}\n${line}\n`);
    // In an environment as empty as cron's, in each of the shells that a table may name.
    const command = line
      .split(' ')
      .slice(5)
      .join(' ')
      .replaceAll('\\%', '%')
      .replace('top-up --all --quiet', 'site list');
    for (const shell of ['/bin/sh', '/usr/bin/fish', '/bin/tcsh'].filter(existsSync)) {
      const ran = await run(shell, ['-c', command], { env: { HOME: tmpdir(), PATH: '/nowhere' } });
      expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('campus') });
    }
    expect((await call(['cron', 'show'])).stdout).toBe(`${line}\n`);
    expect((await call(['cron', 'install', '--every', '5m'])).stdout).toBe(`crontab: as it was\n${line}\n`);
    expect((await call(['cron', 'install', 'campus'])).stdout).toMatch(/^crontab: replaced\n.* top-up campus --quiet /);
    expect((await call(['cron', 'remove'])).stdout).toMatch(/^crontab: removed\n/);
    expect(readFileSync(table, 'latin1')).toBe(`${before}\n`);
    expect((await call(['cron', 'remove'])).stdout).toBe('crontab: there is no line of glidein\n');
  });

  it('changes nothing with --dry-run, and says what it would do', async () => {
    expect((await call(['cron', 'install', '--dry-run'])).stdout).toMatch(/^crontab: would be installed\n/);
    expect(existsSync(table)).toBe(false);
    const json = JSON.parse((await call(['cron', 'install', '--json'])).stdout);
    expect(json).toMatchObject({
      table: 'crontab',
      outcome: 'installed',
      dryRun: false,
      line: expect.stringContaining('top-up'),
    });
  });

  it('keeps a line for each directory of profiles, also when all of them come at once', async () => {
    const others = Array.from({ length: 8 }, (_, at) => `${directory.path}-${at}`);
    const answers = await Promise.all(
      others.map((other) => {
        mkdirSync(join(other, 'sites'), { recursive: true, mode: 0o700 });
        writeFileSync(join(other, 'sites', 'campus.json'), JSON.stringify(exampleWith({ name: 'campus' })), {
          mode: 0o600,
        });
        return call(['cron', 'install', '--config-dir', other], { GLIDEIN_CONFIG_DIR: '' });
      }),
    );
    expect(answers.map(({ code, stderr }) => ({ code, stderr }))).toEqual(Array(8).fill({ code: 0, stderr: '' }));
    const lines = readFileSync(table, 'utf8').trim().split('\n');
    for (const other of others) expect(lines.filter((line) => line.includes(`--config-dir ${other}`))).toHaveLength(1);
    expect(lines).toHaveLength(8);
  });

  it('says what cron will not have: an agent of this login', async () => {
    const { stderr } = await call(['cron', 'install'], { SSH_AUTH_SOCK: '/tmp/ssh-x/agent.7' });
    expect(stderr).toContain('/tmp/ssh-x/agent.7 ends with your login');
    expect(readFileSync(table, 'utf8')).not.toContain('SSH_AUTH_SOCK');
  });

  it.each([
    [['cron', 'install', '--every', '7m'], 'glidein cron install --every 6m'],
    [['cron', 'install', 'kampus'], 'there are campus'],
    [['cron', 'install', '--every', 'often'], 'such as 30s, 5m or 1h'],
  ])('%j is a mistake with a next step', async (args, words) => {
    expect(await call(args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(words) });
    expect(existsSync(table)).toBe(false);
  });

  it('changes nothing where cron says no, or is not there, and says what else there is', async () => {
    write('crontab', '#!/bin/sh\necho "You (ada) are not allowed to use this program (crontab)" >&2\nexit 1\n');
    expect(await call(['cron', 'install'])).toMatchObject({
      ...{ code: 2, stdout: '' },
      stderr: expect.stringMatching(/crontab: You \(ada\) are not allowed[\s\S]*next: glidein cron show --systemd/),
    });
    rmSync(join(programs, 'crontab'));
    const nowhere = await call(['cron', 'install'], { PATH: programs });
    expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining('crontab') });
  });

  it("takes Slurm's table where the sites are on this cluster and it has one", async () => {
    const own = `${table}-slurm`;
    write('scrontab', crontab(own));
    addSite('campus', {
      connection: { host: 'localhost', transport: 'local' },
      scheduler: { kind: 'slurm', walltime: '12:00:00' },
    });
    expect((await call(['cron', 'install'])).stdout).toMatch(/^scrontab: installed\n/);
    expect([existsSync(table), readFileSync(own, 'utf8').split('\n').length]).toEqual([false, 2]);
    expect((await call(['cron', 'install', '--table', 'crontab'])).stdout).toMatch(/^crontab: installed\n/);
    write('scrontab', '#!/bin/sh\necho "scrontab is disabled on this cluster" >&2\nexit 1\n');
    expect((await call(['cron', 'show'])).stdout).toContain('top-up');
  });
});

describe('cron show --systemd', () => {
  it('prints a unit that systemd finds no fault with', async () => {
    const { stdout, code } = await call(['cron', 'show', '--systemd'], { XDG_DATA_HOME: '/data/100% "mine"' });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ExecStart=\S+\/node \S+\/glidein\.js keep --all --quiet .*--every 10m$/m);
    expect(stdout).toContain(String.raw`Environment="XDG_DATA_HOME=/data/100%% \"mine\""`);
    const verify = '/usr/bin/systemd-analyze';
    if (!existsSync(verify)) return;
    const unit = join(programs, 'glidein.service');
    writeFileSync(unit, stdout);
    const { stderr } = await run(verify, ['--user', 'verify', unit], { env: { ...process.env, HOME: homedir() } });
    expect(stderr.split('\n').filter((line) => line.includes('glidein.service'))).toEqual([]);
  });
});
