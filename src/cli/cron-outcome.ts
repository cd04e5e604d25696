import type { CronReport } from '../commands/cron.ts';
import { ok, type Result } from '../failure.ts';
import type { CronJob } from '../fleet/cron-line.ts';
import { done, type Outcome } from './outcome.ts';

/** What the `cron` commands come to. */
export function cronOutcome(report: Result<CronReport>, dryRun: boolean): Result<Outcome> {
  if (!report.ok) return report;
  const { table, line, outcome, lostAgent } = report.value;
  // The table is text of one byte a character.
  const shown = line === null ? null : Buffer.from(line, 'latin1').toString('utf8');
  const json = { table, line: shown, outcome, dryRun };
  if (outcome === 'shown') {
    return ok(
      done(json, shown, shown === null ? `no line of glidein in your ${table}; glidein cron install` : undefined),
    );
  }
  const what = { installed: 'installed', replaced: 'replaced', unchanged: 'as it was', removed: 'removed' }[outcome];
  const head = `${table}: ${dryRun && outcome !== 'unchanged' ? `would be ${what}` : what}`;
  const text = shown === null ? `${table}: there is no line of glidein` : `${head}\n${shown}`;
  return ok(done(json, text, lostAgent === null ? undefined : agentWords(lostAgent)));
}

function agentWords(socket: string): string {
  return [
    `note: the agent behind ${socket} ends with your login, so cron does without it`,
    'next: glidein login SITE (a connection that stays), or a key of its own: README.md, "Cron"',
  ].join('\n');
}

/** A unit for systemd, as it prints: it runs `keep`. */
export function unitOutcome(job: Result<CronJob>): Result<Outcome> {
  if (!job.ok) return job;
  const { node, program, words, env, everyMinutes } = job.value;
  const command = [node, program, 'keep', ...words.slice(1), '--every', `${everyMinutes}m`];
  const unit = [
    '# systemctl --user edit --full --force glidein.service   (paste this, save)',
    '# systemctl --user enable --now glidein.service; loginctl enable-linger   (it runs also when you are not logged in)',
    '[Unit]',
    'Description=glidein keeps pilots at their targets',
    '',
    '[Service]',
    ...Object.entries(env).map(([name, value]) => `Environment=${unitWord(`${name}=${value}`)}`),
    // In `Environment` a dollar is nothing special, in a command it is.
    `ExecStart=${command.map((word) => unitWord(word).replaceAll('$', '$$$$')).join(' ')}`,
    '# It ends after the pass it is at; what that pass has started is left alone.',
    'KillMode=mixed',
    'TimeoutStopSec=10min',
    'SuccessExitStatus=130',
    'Restart=on-failure',
    'RestartSec=60',
    '',
    '[Install]',
    'WantedBy=default.target',
  ].join('\n');
  return ok(done({ unit }, unit));
}

/** One word of a unit: quoted where it must be, `%` doubled, since it begins what systemd fills in. */
function unitWord(text: string): string {
  const safe = text.replaceAll('%', '%%');
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(text) ? safe : `"${safe.replace(/["\\]/g, '\\$&')}"`;
}
