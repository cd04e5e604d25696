import { expect } from 'vitest';
import { plainValues, projectTemplates } from '../support/job-bed.ts';
import { renderScript } from '../support/render-script.ts';
import { shellChecks } from '../support/script-variants.ts';

/** What is looked at of every batch system's script. */

/** The script that one of the project's own templates makes of these directives. */
export async function scriptOf(template: string, directives: readonly string[]): Promise<string> {
  const values = { ...plainValues('~'), jobDir: '~/jobs', logDir: '~/logs', image: '~/image.sif', directives };
  const result = renderScript(await projectTemplates(template), values);
  if (!result.ok) throw new Error(JSON.stringify(result.failure));
  return result.value;
}

/** What the batch system has for itself: all above the body that all share. */
export function ownPart(script: string): string {
  const [own = ''] = script.split('# ---- Ground to stand on ----');
  return own;
}

export async function expectSoundShell(script: string): Promise<void> {
  const { bash, shellcheck } = await shellChecks(script);
  expect(bash).toMatchObject({ code: 0, stderr: '' });
  if (shellcheck.code === 127) console.warn('shellcheck is not installed: the rendered script was not checked by it');
  else expect(shellcheck).toMatchObject({ code: 0, stdout: '' });
}

/** A job's environment has none of Slurm's variables. */
export const noSlurm = { SLURM_JOB_ID: undefined, SLURM_CPUS_ON_NODE: undefined, SLURM_MEM_PER_NODE: undefined };
