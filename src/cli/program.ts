import { Command } from 'commander';
import { Adder, withGlobals } from './command-adder.ts';
import { addCompletion } from './completion-command.ts';
import { addDemo } from './demo-command.ts';
import { addImageCommands } from './image-commands.ts';
import { addInit } from './init-command.ts';
import { addLogins, addTokenCommands } from './login-commands.ts';
import { addLooks } from './look-commands.ts';
import { addPast } from './past-commands.ts';
import { addPilotCommands } from './pilot-commands.ts';
import type { Request } from './request.ts';
import { addSiteCommands } from './site-commands.ts';
import { addUnattended } from './unattended-commands.ts';

/**
 * Every command and flag. Those of a kind are in a file of their own; commands are loaded when they are called: `--help` and
 * `--version` load commander and these definitions only.
 */

/** The command line's grammar; `take` is given what was asked for. */
export function buildProgram(version: string, take: (request: Request) => void): Command {
  const program = new Command('glidein')
    .description('Turns an allocation on a batch cluster into your own slots in an HTCondor pool.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .exitOverride()
    .showSuggestionAfterError(true)
    .addHelpText('after', firstSteps);
  withGlobals(program);
  const adder = new Adder(program, take);
  addInit(adder);
  addSiteCommands(adder);
  addPilotCommands(adder);
  addLooks(adder);
  addImageCommands(adder);
  addUnattended(adder);
  addPast(adder);
  addTokenCommands(adder);
  addLogins(adder);
  addDemo(adder);
  addCompletion(adder, program);
  return program;
}

const firstSteps = `
First steps:
  glidein demo                        see it all on a stand-in cluster
  glidein init                        ask, look at a cluster, write its profile
  glidein site import campus.json     or take a profile from a file
  glidein token check campus          see what the token is good for
  glidein check campus                see whether it all fits: login, disk, queue, image
  glidein discover campus             see the queues, and whether the profile fits them
  glidein render campus               see the job, exactly; opens no connection
  glidein submit campus --dry-run     connect and look, change nothing
  glidein submit campus               one pilot, now
  glidein top-up campus               bring the site to its target; what cron calls

Exit codes:
  0 done   1 the scheduler refused   2 usage or configuration   3 try again later   4 paused   70 a bug   130 interrupted`;
