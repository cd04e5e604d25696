import type { Profile } from '../config/schema.ts';

/** What it costs that no image is on the cluster. */
export function pullingWords({ image }: Profile): string {
  return `every node pulls and converts ${image.source} (1 to 3 GB); build it once with \`glidein image build\`, or put a SIF on the cluster and set image.remotePath`;
}
