/** What an image of the store may be called: what a tag of a registry may be, so that a tag can be its name. */
export function isImageName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(name);
}
