/**
 * The site's tag in a text that the batch system keeps for the job, also among a site's own words; or the text itself,
 * where it is a tag and nothing else: another site's.
 */
export function tagAmongWords(text: string, site: string): string | null {
  const words = text.match(/(?<![A-Za-z0-9-])[a-z0-9][a-z0-9-]*-[a-z0-9]{10}(?![A-Za-z0-9-])/g) ?? [];
  return words.find((word) => word.slice(0, -11) === site) ?? words.find((word) => word === text) ?? null;
}
