import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The forms in which a token could lie about: whole, its signature alone, and both as a program could carry them
 * without meaning to: in hexadecimal and in base64, which has three forms by where in a longer text it begins.
 */
export function formsOf(token: string): string[] {
  const signature = token.split('.').at(-1) ?? token;
  return [token, signature, Buffer.from(signature).toString('hex'), ...base64Forms(signature)];
}

/** What all base64 texts have in common that hold `text` at an offset of 0, 1 or 2 modulo 3. */
function base64Forms(text: string): string[] {
  return [0, 1, 2].map((offset) => {
    const encoded = Buffer.from(`${'-'.repeat(offset)}${text}`)
      .toString('base64')
      .replaceAll('=', '');
    // The first and last few characters depend on what stands beside it, too.
    return encoded.slice(offset === 0 ? 0 : 4, -3);
  });
}

/** Whether the text holds any of the forms. */
export function holds(text: string, forms: readonly string[]): boolean {
  return forms.some((form) => text.includes(form));
}

/**
 * Everything below the roots that holds a form in its content or its name. `since`: only files changed after it; `except`:
 * not in directories whose path begins so.
 */
export function filesWith(
  forms: readonly string[],
  roots: readonly string[],
  { since = 0, except }: { since?: number; except?: string } = {},
): string[] {
  const files = roots.flatMap((root) => filesBelow(root, except));
  return files.filter((file) => {
    try {
      if (holds(file, forms)) return true;
      const facts = statSync(file);
      return facts.mtimeMs >= since && facts.size < 20_000_000 && holds(readFileSync(file, 'latin1'), forms);
    } catch {
      return false; // It went away meanwhile.
    }
  });
}

/** Plain files below a directory, links not followed; none where it cannot be read. */
export function filesBelow(directory: string, except?: string): string[] {
  return entriesBelow(directory, except).flatMap(({ path, entry }) => (entry.isFile() ? [path] : []));
}

/** Every file and directory below, and the directory itself, with its permissions in octal: `700`. */
export function modesBelow(directory: string): { path: string; directory: boolean; mode: string }[] {
  const paths = [
    directory,
    ...entriesBelow(directory).flatMap(({ path, entry }) => (entry.isSymbolicLink() ? [] : [path])),
  ];
  return paths.map((path) => {
    const facts = statSync(path);
    return { path, directory: facts.isDirectory(), mode: modeOf(path) };
  });
}

/** The permissions of a file in octal: `600`. */
export function modeOf(path: string): string {
  return (statSync(path).mode & 0o7777).toString(8);
}

function entriesBelow(directory: string, except?: string): { path: string; entry: Dirent }[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const path = join(directory, entry.name);
    const inside = entry.isDirectory() && !(except !== undefined && path.startsWith(except));
    return [{ path, entry }, ...(inside ? entriesBelow(path, except) : [])];
  });
}

/** What a watch over all processes saw. */
export interface ProcessWatch {
  /** Arguments or environments that held a form. */
  readonly found: string[];
  /** How often every process was looked at. */
  readonly looks: number;
  /** The command lines there were, to prove that it looked while things ran. */
  readonly commandLines: ReadonlySet<string>;
  stop(): void;
}

/** Looks at the arguments and the environment of every process, again and again, until it is stopped. */
export function watchProcesses(forms: readonly string[], everyMs = 15): ProcessWatch {
  const found: string[] = [];
  const commandLines = new Set<string>();
  const watch = { found, looks: 0, commandLines, stop: () => clearInterval(timer) };
  const timer = setInterval(() => {
    watch.looks += 1;
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const commandLine = textOf(`/proc/${pid}/cmdline`);
      commandLines.add(commandLine.replaceAll('\0', ' ').slice(0, 200));
      if (holds(commandLine, forms)) found.push(`arguments of ${pid}: ${commandLine}`);
      if (holds(textOf(`/proc/${pid}/environ`), forms)) found.push(`environment of ${pid}: ${commandLine}`);
    }
  }, everyMs);
  return watch;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
