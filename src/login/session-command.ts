import { Buffer } from 'node:buffer';
import { quote } from '../shell.ts';

/** What the session prints on stdout, once, when it reads programs. */
export const readyMarker = 'glidein-session-ready';

/** A stopped client or a half-open connection must not hold the site's lock for ever. */
const sessionSeconds = 600;

/**
 * The signal that tells `limit` (see `prepare`) to end the client it waits for: nobody is there any more who would read the
 * answer. It goes to the whole process group, where everybody else ignores it; sshd signals nobody when a client goes.
 */
export const nobodyListens = 'URG';
const endClients = `kill -${nobodyListens} 0`;

// One line is one program, in base64: `read` fails on a line without its newline, so a program that was cut does not
// run. `echo` and `read` are built in everywhere; a base64 line has no backslash for either to interpret. The programs
// that are known beforehand come with the command, each evaluated for itself, and save a round trip.
function readPrograms(beforehand: readonly string[]): string {
  return `unset GLIDEIN_SESSION GLIDEIN_START
echo ${readyMarker}
${beforehand.map((program) => `eval ${quote(program)}\n`).join('')}while IFS= read -r program; do eval "$(echo "$program" | base64 -d)"; done
${endClients}`;
}

const limited = (seconds: number) => `if command -v timeout >/dev/null 2>&1
then exec timeout -k 30 ${seconds} sh -c "$GLIDEIN_SESSION"
else exec sh -c "$GLIDEIN_SESSION"
fi`;

// Parsed alike by sh, bash, zsh, ksh, csh, tcsh and fish.
const startSession = `exec sh -c '\\''eval "$GLIDEIN_START"'\\''`;

// The user's start-up files get an empty stdin, ours waits on descriptor 3. tcsh 6.24 closes all descriptors above 2
// when it starts, and takes `-l` only as its sole argument (both run), so csh reads its login files by name and keeps
// our stdin; a file that reads a line there gets the empty one that the client sends when no answer comes.
const throughLoginShell = `GLIDEIN_SESSION=$GLIDEIN_SESSION GLIDEIN_START=$GLIDEIN_START
export GLIDEIN_SESSION GLIDEIN_START
case \${SHELL:-/bin/sh} in
*csh) exec "$SHELL" -c 'if ( -r /etc/csh.login ) source /etc/csh.login; if ( -r ~/.login ) source ~/.login; ${startSession}' ;;
*) GLIDEIN_START="exec <&3 3<&-
$GLIDEIN_START"
exec 3<&0 </dev/null
exec "\${SHELL:-/bin/sh}" -l -c '${startSession}' ;;
esac`;

/**
 * The command line that runs a POSIX `sh` program under any login shell. It is quoted so that all of them parse it
 * alike: no quote, no backslash and no `!` but inside base64.
 */
export function loginCommand(program: string): string {
  return `exec /bin/sh -c 'eval "$(echo ${Buffer.from(program).toString('base64')} | base64 -d)"'`;
}

/**
 * The one command line a session is started with. `beforehand`: POSIX `sh` programs that it runs before it reads any;
 * `lastsSeconds`: when it ends at the latest, where that is not the usual time.
 */
export function sessionCommand(options: {
  loginShell: boolean;
  beforehand: readonly string[];
  lastsSeconds?: number;
}): string {
  const session = quote(readPrograms(options.beforehand));
  const setUp = `GLIDEIN_SESSION=${session}\nGLIDEIN_START='${limited(options.lastsSeconds ?? sessionSeconds)}'\n`;
  return loginCommand(
    setUp + (options.loginShell ? throughLoginShell : `export GLIDEIN_SESSION\neval "$GLIDEIN_START"`),
  );
}
