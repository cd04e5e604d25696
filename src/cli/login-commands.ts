import type { Adder } from './command-adder.ts';

/** Ways in: the pilots' token into the pool, and the researcher's own login to a site. */

/** `token`. */
export function addTokenCommands(program: Adder): void {
  const token = program.group('token', 'the token with which pilots join the pool');
  token.add(
    'check <site>',
    'what the token is good for, and until when; never prints it',
    ([site = '']) =>
      async ({ configDir, context }) => {
        const { checkSiteToken } = await import('../commands/token-check.ts');
        const { tokenOutcome } = await import('./job-outcomes.ts');
        return tokenOutcome(await checkSiteToken({ configDir, site }, context));
      },
  );
}

/** `login` and `logout`. */
export function addLogins(program: Adder): void {
  program.add(
    'login <site>',
    'log in where the site asks for more than a key; the connection stays up for later passes, cron too',
    ([site = '']) =>
      async ({ configDir, dataDir, context }) => {
        const { loginToSite } = await import('../commands/login.ts');
        const report = await loginToSite({ configDir, dataDir, site }, context);
        const { loginOutcome } = await import('./login-outcomes.ts');
        return loginOutcome(report, context.now());
      },
  );
  program.add('logout <site>', 'close the connection that login opened', ([site = '']) => async ({ configDir }) => {
    const { logoutOfSite } = await import('../commands/logout.ts');
    const { logoutOutcome } = await import('./login-outcomes.ts');
    return logoutOutcome(await logoutOfSite({ configDir, site }));
  });
}
