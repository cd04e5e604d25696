import type { Command } from 'commander';
import type { Adder } from './command-adder.ts';

/** `completion`, which is made of the very grammar that it is part of. */
export function addCompletion(program: Adder, grammar: Command): void {
  program.add(
    'completion <shell>',
    'print what bash, zsh or fish completes command lines with',
    ([asked = '']) =>
      async () => {
        const { completionScript, shells } = await import('./completion-scripts.ts');
        const { commandTree } = await import('./command-tree.ts');
        const { done } = await import('./outcome.ts');
        const shell = shells.find((one) => one === asked);
        if (shell === undefined) {
          const message = `there is no completion for ${asked}; there is for ${shells.join(', ')}`;
          return { ok: false, failure: { kind: 'usage', message, hint: 'glidein completion bash' } };
        }
        const script = completionScript(shell, commandTree(grammar));
        return { ok: true, value: done({ shell, script }, script.trimEnd()) };
      },
  );
}
