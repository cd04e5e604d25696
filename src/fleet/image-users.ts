import type { Profile } from '../config/schema.ts';
import { listSites, loadProfile } from '../config/store.ts';
import type { PushedFor } from '../image/push.ts';
import { chosenImage } from './site-image.ts';

/**
 * Whose jobs may name images in this site's `image.dir`, and which images other profiles of this machine want there. Null
 * where that is not known, as when a profile cannot be read: then nothing there may be taken away.
 */
export async function imageUsers(
  { name, image, connection }: Profile,
  places: { configDir: string; dataDir: string },
): Promise<PushedFor | null> {
  const sites = await listSites(places.configDir);
  if (!sites.ok) return null;
  const users: PushedFor = { siteDirectories: [connection.remoteDir], wanted: [] };
  for (const site of sites.value) {
    if (site === name) continue;
    const other = await loadProfile(places.configDir, site);
    if (!other.ok) return null;
    // The same directory can have other words (a link, the home directory in full), so the jobs of all sites count: one that
    // names no image there does no harm.
    users.siteDirectories.push(other.value.connection.remoteDir);
    if (plain(other.value.image.dir) !== plain(image.dir)) continue;
    const chosen = await chosenImage(other.value, places);
    // A file of this machine is not read whole for that.
    if (!chosen.ok || chosen.value.kind === 'file') return null;
    // One that was built there lies among them.
    if (chosen.value.kind === 'there') users.wanted.push(chosen.value.path.replace(/^.*\//, ''));
    if (chosen.value.kind === 'stored') users.wanted.push(`${chosen.value.image.sha256}.sif`);
  }
  return users;
}

function plain(directory: string): string {
  return directory.replace(/\/+$/, '');
}
