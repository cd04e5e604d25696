/** An image that was built and is kept on this machine. */
export interface StoredImage {
  /** What a person calls it. A name can have several generations: the newest is the one it means. */
  name: string;
  /** What it was built from: `docker://…`, or `oci:/…`. */
  source: string;
  /** What the source's tag stood for when it was built, as the registry has it (`sha256:…`); null: nobody could say. */
  digest: string | null;
  /** Of the file's content, in hex; the file is named by it. */
  sha256: string;
  bytes: number;
  /** ISO 8601, UTC. */
  builtAt: string;
  /** The program that built it, with its version: `apptainer 1.4.5`. */
  builtBy: string;
  /** Where it is on this machine. */
  path: string;
}

/** Newest first; equal times in a fixed order. */
export function newestFirst(images: readonly StoredImage[]): StoredImage[] {
  return [...images].sort((one, other) => order(other.builtAt, one.builtAt) || order(one.sha256, other.sha256));
}

/** The newest of these; null where there are none. */
export function newestOf(images: readonly StoredImage[]): StoredImage | null {
  return newestFirst(images)[0] ?? null;
}

function order(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
