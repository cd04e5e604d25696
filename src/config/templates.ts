import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ok, type Result } from '../failure.ts';
import { readLocalText, unusable } from './local-file.ts';

/** The text of one template, and whose it is. */
export interface TemplateText {
  text: string;
  file: string;
  source: 'package' | 'user';
}

/** What a script is rendered from: the scheduler's template and the partials that it includes, by their names. */
export interface Template extends TemplateText {
  /** Its name below the template directory: `slurm.sh.hbs`. */
  name: string;
  partials: { pilot: TemplateText; cvmfs: TemplateText };
}

/** `templates/` of the package: as far from `src/config/` as from `dist/config/`. */
const packageTemplates = fileURLToPath(new URL('../../templates/', import.meta.url));

/**
 * Reads the templates of a batch system. The user's own in `CONFIG/templates/`, under the same name, wins over the
 * package's, each file for itself.
 */
export async function loadTemplate(configDir: string, kind: string): Promise<Result<Template>> {
  const name = `${kind}.sh.hbs`;
  const main = await templateText(configDir, name);
  if (!main.ok) return main;
  const pilot = await templateText(configDir, join('partials', 'pilot.sh.hbs'));
  if (!pilot.ok) return pilot;
  const cvmfs = await templateText(configDir, join('partials', 'cvmfs.sh.hbs'));
  if (!cvmfs.ok) return cvmfs;
  return ok({ name, ...main.value, partials: { pilot: pilot.value, cvmfs: cvmfs.value } });
}

async function templateText(configDir: string, name: string): Promise<Result<TemplateText>> {
  const own = join(configDir, 'templates', name);
  const users = await readLocalText(own, { guarded: true });
  if (!users.ok) return users;
  if (users.value !== null) return ok({ text: users.value, file: own, source: 'user' });
  const file = join(packageTemplates, name);
  const ours = await readLocalText(file, { guarded: false });
  if (!ours.ok) return ours;
  if (ours.value === null) return unusable(file, 'it is not there; the installation is incomplete');
  return ok({ text: ours.value, file, source: 'package' });
}
