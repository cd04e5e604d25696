import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Campus, campus, clearRemote, type SiteJson } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { type RelayedLogin, relayedLogin } from '../support/relayed-login.ts';

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));

describeOnCluster('who watches', (cluster) => {
  let here: Campus;
  let way: RelayedLogin;
  const stops: (() => void)[] = [];
  beforeAll(async () => {
    here = await campus(cluster, 0);
    way = await relayedLogin(cluster);
  });
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });
  afterAll(async () => {
    await way.close();
    here.remove();
    clearRemote(cluster.users.ada);
  });

  /** Looks as they come, every 5 s. */
  function watch(): { next(): Promise<SiteJson>; end(): Promise<number | null> } {
    const env = { ...here.env, PATH: `${way.pathDir}:${process.env['PATH']}` };
    const child = spawn(process.execPath, [program, 'status', 'campus', '--watch', '5', '--json'], {
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    stops.push(() => child.kill('SIGKILL'));
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    return {
      next: async () => (JSON.parse((await lines.next()).value ?? '{}') as { sites: [SiteJson] }).sites[0],
      end: () => {
        child.kill('SIGINT');
        return new Promise((resolve) => child.once('exit', resolve));
      },
    };
  }

  it('logs in once for all looks, and once more after a cut', async () => {
    const before = way.relay.connections();
    const made = () => way.relay.connections() - before;
    const looks = watch();
    for (let look = 0; look < 3; look += 1) expect(await looks.next()).toMatchObject({ state: 'ok' });
    expect(made()).toBe(1);
    way.relay.cut();
    for (let look = 0; look < 2; look += 1) expect(await looks.next()).toMatchObject({ state: 'ok' });
    expect(made()).toBe(2);
    expect(await looks.end()).toBe(130);
  });

  it('does not keep a connection in which a look came to nothing', async () => {
    await here.set('connection.timeouts.list=1', 'connection.timeouts.connect=2');
    const before = way.relay.connections();
    const looks = watch();
    expect(await looks.next()).toMatchObject({ state: 'ok' });
    way.relay.freeze();
    expect((await looks.next()).state).not.toBe('ok');
    expect(await looks.next()).toMatchObject({ state: 'ok' });
    expect(way.relay.connections() - before).toBe(2);
    expect(await looks.end()).toBe(130);
  });
});
