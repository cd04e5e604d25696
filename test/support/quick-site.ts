import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { SpokenKind } from '../../src/demo/spoken-schedulers.ts';
import { glidein } from './glidein.ts';
import { type QuickStandIn, quickStandIn } from './quick-stand-in.ts';
import type { Ran } from './run-program.ts';
import { testToken } from './test-token.ts';

/** The site `campus` with a target of five, on a quick stand-in, for the program as it was built. */
export interface QuickSite {
  quick: QuickStandIn;
  /** Runs the program. */
  call(args: string[]): Promise<Ran>;
  /** The same with `--json`: what it reports of the site. */
  site(args: string[]): Promise<SiteSaid>;
}

export interface SiteSaid {
  state: string;
  running: number;
  pending: number;
  submitted: number;
  ids: string[];
  pilots?: { id: string; state: string; node: string | null }[];
  code: number;
  stderr: string;
}

export async function quickSite(kind: SpokenKind): Promise<QuickSite> {
  const quick = await quickStandIn(kind);
  const { home, environment } = quick.cluster;
  const call = (args: string[]) => glidein(join(home, 'config'), args, { env: environment });
  writeFileSync(join(home, 'token'), testToken(), { mode: 0o600 });
  writeFileSync(join(home, 'campus.json'), JSON.stringify(profileOf(quick, kind)));
  expect(await call(['site', 'import', join(home, 'campus.json')])).toMatchObject({ code: 0 });
  return { quick, call, site: async (args) => reported(await call([...args, '--json'])) };
}

function profileOf({ cluster }: QuickStandIn, kind: SpokenKind): object {
  return {
    name: 'campus',
    target: 5,
    connection: { host: 'localhost', transport: 'local', loginShell: false, timeouts: { list: 10, submit: 10 } },
    scheduler: { kind, walltime: '12:00:00', ...(cluster.scheduler.countsCores ? { cores: 16 } : {}) },
    pilot: {
      ...{ site: 'Campus', resource: 'Campus-CE', owners: ['ada@ap.example.org'] },
      token: join(cluster.home, 'token'),
    },
    limits: { maxPending: 50, maxPerPass: 50 },
  };
}

function reported({ stdout, stderr, code }: Ran): SiteSaid {
  const [first] = (JSON.parse(stdout) as { sites: SiteSaid[] }).sites;
  if (first === undefined) throw new Error(stderr);
  return { ...first, code, stderr };
}
