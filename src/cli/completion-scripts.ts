import { quote } from '../shell.ts';
import type { CommandEntry } from './command-tree.ts';

/**
 * What shells complete a command line with. It is all in the script, and sites are read from their directory: no program is
 * started while somebody waits for a key.
 */
export type Shell = 'bash' | 'zsh' | 'fish';
export const shells: readonly Shell[] = ['bash', 'zsh', 'fish'];

export function completionScript(shell: Shell, tree: readonly CommandEntry[]): string {
  const entries = tree.map(completed);
  return { bash, zsh, fish }[shell](entries);
}

/** What can stand in a place: words with what they mean. */
interface Completed {
  path: string;
  commands: readonly [string, string][];
  options: readonly [string, string][];
  /** What the arguments are. */
  takes: 'site' | 'file' | 'shell' | 'nothing';
  /** What comes after an option: these words, or a path. */
  values: readonly { names: readonly string[]; choices: readonly string[]; isPath: boolean }[];
}

function completed({ path, commands, options, takes }: CommandEntry): Completed {
  const [first = 'other'] = takes;
  return {
    path,
    commands: commands.map(({ name, description }) => [name, description]),
    options: options.flatMap(({ names, description }) => names.map((name): [string, string] => [name, description])),
    takes: first === 'other' ? 'nothing' : first,
    values: options
      .filter(({ takesValue }) => takesValue)
      .map(({ names, choices, isPath }) => ({ names, choices, isPath })),
  };
}

/** Where profiles are, as the program itself finds them. */
const directory = [
  '  local dir=$' + '{GLIDEIN_CONFIG_DIR:-}',
  '  [ -n "$dir" ] || dir=$' + '{XDG_CONFIG_HOME:-$HOME/.config}/glidein',
].join('\n');

/** Goes over the words before the cursor: which command it is, and whether one of its options waits for a value. */
function walk(words: string, from: number, to: string, entries: readonly Completed[]): string {
  const values = new Set(entries.flatMap((entry) => entry.values.flatMap(({ names }) => names)));
  const paths = entries.map(({ path }) => path).filter((path) => path !== '');
  return [
    `  local at= previous= word i`,
    `  for ((i = ${from}; i < ${to}; i++)); do`,
    `    word=$\{${words}[i]}`,
    '    if [[ $previous == --config-dir ]]; then config=$word; previous=; continue; fi',
    '    if [[ -n $previous ]]; then previous=; continue; fi',
    `    case $word in ${[...values].join('|')}) previous=$word; continue ;; -*) continue ;; esac`,
    `    case "$\{at:+$at }$word" in ${paths.map((path) => quote(path)).join('|')}) at="$\{at:+$at }$word" ;; esac`,
    '  done',
  ].join('\n');
}

function bash(entries: readonly Completed[]): string {
  const cases = entries.map((entry) => {
    const offered = [...entry.commands, ...entry.options].map(([word]) => word).join(' ');
    return `    ${quote(entry.path)}) offered=${quote(offered)}; takes=${entry.takes} ;;`;
  });
  return `# Completion of glidein for bash: source it, or keep it as
# ~/.local/share/bash-completion/completions/glidein
_glidein_sites() {
${directory}
  local file
  for file in "$\{1:-$dir}"/sites/*.json; do
    [ -e "$file" ] || continue
    file=$\{file##*/}
    printf '%s\\n' "$\{file%.json}"
  done
}
_glidein() {
  local current=$\{COMP_WORDS[COMP_CWORD]} config= offered= takes=nothing
${walk('COMP_WORDS', 1, 'COMP_CWORD', entries)}
  COMPREPLY=()
  case $previous in
${valueCases(entries, {
  choices: (words) => `COMPREPLY=($(compgen -W ${quote(words)} -- "$current")); return`,
  path: 'COMPREPLY=($(compgen -f -- "$current")); compopt -o filenames 2>/dev/null; return',
  nothing: 'return',
})}
  esac
  case $at in
${cases.join('\n')}
  esac
  [[ $current == -* ]] || case $takes in
    site) offered="$offered $(_glidein_sites "$config")" ;;
    shell) offered="$offered ${shells.join(' ')}" ;;
    file) COMPREPLY=($(compgen -f -- "$current")); compopt -o filenames 2>/dev/null; return ;;
  esac
  [[ $current == -* ]] || offered=$(printf '%s\\n' $offered | grep -v '^-')
  COMPREPLY=($(compgen -W "$offered" -- "$current"))
}
complete -F _glidein glidein
`;
}

interface AfterOption {
  choices(words: string): string;
  path: string;
  nothing: string;
}

/** One case for each option that waits for a value. */
function valueCases(entries: readonly Completed[], after: AfterOption): string {
  const values = new Map(entries.flatMap((entry) => entry.values).map((value) => [value.names.join('|'), value]));
  return [...values]
    .map(([names, { choices, isPath }]) => {
      const does = choices.length > 0 ? after.choices(choices.join(' ')) : isPath ? after.path : after.nothing;
      return `    ${names}) ${does} ;;`;
    })
    .join('\n');
}

function zsh(entries: readonly Completed[]): string {
  const described = (words: readonly [string, string][]) =>
    words.map(([word, meaning]) => quote(`${word.replaceAll(':', '\\:')}:${meaning}`)).join(' ');
  const cases = entries.map(
    ({ path, commands, options, takes }) =>
      `    ${quote(path)}) offered=(${described(commands)}); flags=(${described(options)}); takes=${takes} ;;`,
  );
  return `#compdef glidein
# Completion of glidein for zsh: source it after compinit, or keep it as _glidein in a directory of your fpath.
_glidein_sites() {
${directory}
  local -a sites
  sites=("$\{1:-$dir}"/sites/*.json(N:t:r))
  compadd -a sites
}
_glidein() {
  local config= takes=nothing
  local -a offered flags
${walk('words', 2, 'CURRENT', entries)}
  case $previous in
${valueCases(entries, { choices: (words) => `compadd ${words}; return`, path: '_files; return', nothing: 'return' })}
  esac
  case $at in
${cases.join('\n')}
  esac
  if [[ $words[CURRENT] == -* ]]; then _describe -o option flags; return; fi
  (( $#offered )) && _describe command offered
  case $takes in
    site) _glidein_sites "$config" ;;
    shell) compadd ${shells.join(' ')} ;;
    file) _files ;;
  esac
}
if [[ $funcstack[1] == _glidein ]]; then _glidein "$@"; else compdef _glidein glidein; fi
`;
}

function fish(entries: readonly Completed[]): string {
  const paths = entries.map(({ path }) => path).filter((path) => path !== '');
  const values = [...new Set(entries.flatMap((entry) => entry.values.flatMap(({ names }) => names)))];
  const lines = entries.flatMap(({ path, commands, options, takes, values: own }) => {
    const here = `complete -c glidein -n ${fishQuote(`__glidein_at ${fishQuote(path)}`)}`;
    const valued = new Map(own.flatMap((value) => value.names.map((name) => [name, value])));
    return [
      ...commands.map(([name, meaning]) => `${here} -f -a ${name} -d ${fishQuote(meaning)}`),
      ...(takes === 'site' ? [`${here} -f -a '(__glidein_sites)'`] : []),
      ...(takes === 'shell' ? [`${here} -f -a ${fishQuote(shells.join(' '))}`] : []),
      ...(takes === 'file' ? [`${here} -F`] : []),
      ...options.map(([name, meaning]) => {
        const value = valued.get(name);
        const kind = name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`;
        const after =
          value === undefined ? '' : value.isPath ? ' -r -F' : ` -x -a ${fishQuote(value.choices.join(' '))}`;
        return `${here} ${kind}${after} -d ${fishQuote(meaning)}`;
      }),
    ];
  });
  return `# Completion of glidein for fish: keep it as ~/.config/fish/completions/glidein.fish
function __glidein_words
  set -g __glidein_config
  set -l at
  set -l previous
  for word in (commandline -opc)[2..-1]
    if test "$previous" = --config-dir
      set -g __glidein_config $word
    end
    if test -n "$previous"
      set previous
      continue
    end
    if contains -- $word ${values.join(' ')}
      set previous $word
    else if not string match -q -- '-*' $word
      set -l longer (string trim "$at $word")
      contains -- $longer ${paths.map(fishQuote).join(' ')}; and set at $longer
    end
  end
  echo $at
end
function __glidein_at
  set -l at (__glidein_words)
  test "$at" = "$argv[1]"
end
function __glidein_sites
  __glidein_words >/dev/null
  set -l dir $__glidein_config
  test -n "$dir"; or set dir $GLIDEIN_CONFIG_DIR
  if test -z "$dir"
    set -q XDG_CONFIG_HOME; and set dir $XDG_CONFIG_HOME/glidein; or set dir ~/.config/glidein
  end
  for file in $dir/sites/*.json
    string replace -r '.*/(.*)[.]json$' '$1' $file
  end
end
complete -c glidein -f
${lines.join('\n')}
`;
}

/** In fish a backslash quotes within single quotes, too. */
function fishQuote(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
