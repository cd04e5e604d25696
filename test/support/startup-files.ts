import { chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Cluster, TestUser } from './cluster.ts';

type Nick = keyof Cluster['users'];

/** The files a shell reads when it starts: for every command that comes over SSH, and as a login shell. */
const files: Readonly<Record<Nick, readonly string[]>> = {
  // bash reads .bashrc for a command of sshd, though it is not interactive.
  ada: ['.bashrc', '.bash_profile'],
  dash: ['.profile'],
  tcsh: ['.tcshrc', '.login'],
  fish: ['.config/fish/config.fish'],
};

const posix = (file: string, ran: string) => `echo ${file} >> ${ran}
echo "Last login: never from nowhere"
echo "stty: standard input: Inappropriate ioctl for device" >&2
printf 'Your terminal? '
read -r answer
echo "so it is <$answer>"
`;

const texts: Readonly<Record<Nick, (file: string, ran: string) => string>> = {
  ada: posix,
  dash: posix,
  tcsh: (file, ran) => `echo ${file} >> ${ran}
echo "Last login: never from nowhere"
sh -c 'echo "stty: standard input: Inappropriate ioctl for device" >&2'
set answer = "$<"
echo "so it is <$answer>"
`,
  fish: (file, ran) => `echo ${file} >> ${ran}
echo "Last login: never from nowhere"
echo "stty: standard input: Inappropriate ioctl for device" >&2
read answer
echo "so it is <$answer>"
`,
};

/** Start-up files in a home directory, until they are removed. */
export interface StartupFiles {
  /** Names of those that ran, once for each time. */
  ran(): string[];
  remove(): void;
}

/** Gives the user start-up files that print to both streams and read a line from stdin. */
export function noisyStartupFiles(nick: Nick, user: TestUser): StartupFiles {
  const ran = join(user.home, '.start-up-ran');
  const written = files[nick].map((file) => join(user.home, file));
  for (const file of files[nick]) writeOwned(user, file, texts[nick](file, ran));
  writeOwned(user, '.start-up-ran', '');
  return {
    ran: () =>
      readFileSync(ran, 'utf8')
        .split('\n')
        .filter((line) => line !== ''),
    remove: () => {
      for (const file of [...written, ran]) rmSync(file, { force: true });
    },
  };
}

/** Writes a file, and the directories to it, as the user's own. */
export function writeOwned(user: TestUser, file: string, text: string): void {
  const path = join(user.home, file);
  for (let directory = dirname(path); directory !== user.home; directory = dirname(directory)) {
    mkdirSync(directory, { recursive: true });
    chownSync(directory, user.uid, user.gid);
  }
  writeFileSync(path, text);
  chownSync(path, user.uid, user.gid);
}
