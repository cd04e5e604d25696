/** README.md as text with recordings of a terminal in it, each between two markers. Pure. */

/** What is recorded, by the name in its marker. */
export const recordingNames = ['demo-in-short', 'demo', 'discover', 'status', 'logs', 'failing-top-up'] as const;

export type RecordingName = (typeof recordingNames)[number];
export type Recordings = Readonly<Record<RecordingName, string>>;

const block = /<!-- recording: (\S+) -->\n```text\n([\s\S]*?)\n?```\n<!-- end of recording -->/g;

/** The recordings that a page has, by name. */
export function recordingsIn(page: string): Map<string, string> {
  return new Map([...page.matchAll(block)].map(([, name = '', text = '']) => [name, text]));
}

/** The page with these recordings in the place of its own. A name that the page or the recordings lack is an error. */
export function withRecordings(page: string, recordings: Recordings): string {
  const there = recordingsIn(page);
  for (const name of recordingNames) {
    if (!there.has(name)) throw new Error(`README.md has no place for the recording ${name}`);
  }
  return page.replaceAll(block, (_whole, name: string) => {
    const text = Object.entries(recordings).find(([known]) => known === name)?.[1];
    if (text === undefined) throw new Error(`nothing is recorded under the name ${name}`);
    return ['<!-- recording: ', name, ' -->\n```text\n', text, '\n```\n<!-- end of recording -->'].join('');
  });
}

/**
 * What two recordings of the same have in common: the lines in order of the alphabet, since what ended in one second is
 * listed in any order, and without numbers and names that differ from run to run.
 */
export function withoutWhatVaries(recording: string): string[] {
  return recording
    .split('\n')
    .filter((line) => !line.startsWith('This machine lacks '))
    .map(withoutVariety)
    .sort();
}

function withoutVariety(line: string): string {
  return line
    .replaceAll(/\/tmp\/glidein-demo-…/g, 'DIRECTORY')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\(\d\d-\d\d \d\d:\d\d\)/g, '(TIME)')
    .replaceAll(/\b(?:\d+d )?(?:\d+h )?\d+[smh]\b/g, 'DURATION')
    .replaceAll(/\b\d+:\d\d\b/g, 'DURATION')
    .replaceAll(/\b(campus|chemistry|physics)-[a-z0-9]{10}\b/g, '$1-TAG')
    .replaceAll(/\[\d+ lines left out\]/g, '[SOME lines left out]')
    .replaceAll(/ {2,}/g, ' ')
    .trim();
}
