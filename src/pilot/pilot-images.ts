/** The images of the OSG pilot, by what its jobs need. */

const repository = 'docker://hub.opensciencegrid.org/osg-htc/ospool-ep';

/** Tags of the registry: the series and, where it is not the plain one, what the image is built on. */
const tags = { release: '25-release', cuda: '25-cuda_11_8_0-release' } as const;

/** The image for a pilot with so many GPUs, as the container runtime takes it. */
export function pilotImage(gpus: number): string {
  return `${repository}:${gpus > 0 ? tags.cuda : tags.release}`;
}

/** The image that is known by a tag of this form there; null for a name that is none. */
export function pilotImageTagged(tag: string): string | null {
  return /^\d\d-[a-z0-9_.-]+$/.test(tag) ? `${repository}:${tag}` : null;
}
