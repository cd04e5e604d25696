import { describe, expect, it } from 'vitest';
import { parseSshSettings, plainSettings, type Surroundings } from '../../src/transports/ssh-config.ts';

const here: Surroundings = {
  home: '/home/ada',
  user: 'ada',
  uid: 1000,
  env: { SSH_AUTH_SOCK: '/run/agent', KEYS: '/k' },
};

// From `ssh -F FILE -G site` of OpenSSH 9.2p1, with a Host that sets all of them; the lines we do not read left out but for two.
const everything = `host site
user bob
hostname 127.0.0.1
port 2222
addressfamily inet
gssapiauthentication no
hashknownhosts yes
identitiesonly yes
stricthostkeychecking true
hostkeyalias cluster
identityagent /home/ada/agent.sock
identityfile ~/.ssh/id_one
identityfile %d/.ssh/id_%h_%r_%n_%p_%u_%i_%%
identityfile \${KEYS}/with space/key
certificatefile ~/x-cert.pub
globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2
userknownhostsfile /home/ada/.ssh/a /tmp/b c/kh
`;

// The same without any configuration.
const nothing = `host plain
user ada
hostname plain
port 22
addressfamily any
hashknownhosts no
identitiesonly no
stricthostkeychecking ask
identityfile ~/.ssh/id_rsa
identityfile ~/.ssh/id_ecdsa
identityfile ~/.ssh/id_ecdsa_sk
identityfile ~/.ssh/id_ed25519
globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2
userknownhostsfile /home/ada/.ssh/known_hosts /home/ada/.ssh/known_hosts2
connecttimeout none
`;

describe('the answer of ssh -G', () => {
  it('gives every setting, with what it leaves unexpanded', () => {
    expect(parseSshSettings(everything, here)).toEqual({
      hostname: '127.0.0.1',
      user: 'bob',
      port: 2222,
      addressFamily: 4,
      identityFiles: [
        '/home/ada/.ssh/id_one',
        '/home/ada/.ssh/id_127.0.0.1_bob_site_2222_ada_1000_%',
        '/k/with space/key',
      ],
      identitiesOnly: true,
      agentSocket: '/home/ada/agent.sock',
      userKnownHosts: ['/home/ada/.ssh/a', '/tmp/b c/kh'],
      globalKnownHosts: ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'],
      hostKeyAlias: 'cluster',
      strictHostKeys: true,
      hashKnownHosts: true,
      proxy: null,
      jumps: [],
      controlPath: null,
      trustsBlindly: false,
      keepaliveSeconds: 0,
      keepaliveCount: 3,
      ciphers: null,
      beyondSsh2: ['CertificateFile ~/x-cert.pub'],
    });
  });

  it('gives the defaults where nothing is configured', () => {
    expect(parseSshSettings(nothing, here)).toMatchObject({
      hostname: 'plain',
      user: 'ada',
      port: 22,
      addressFamily: 0,
      identitiesOnly: false,
      agentSocket: '/run/agent',
      hostKeyAlias: null,
      strictHostKeys: false,
      proxy: null,
    });
  });

  it('puts the fastest of OpenSSH’s own ciphers first, and leaves a list of somebody’s own alone', () => {
    const [chacha, gcm, ctr] = [
      'chacha20-poly1305@openssh.com',
      'aes128-gcm@openssh.com,aes256-gcm@openssh.com',
      'aes128-ctr,aes192-ctr,aes256-ctr',
    ];
    const ciphers = (list: string) => parseSshSettings(`${nothing}ciphers ${list}\n`, here).ciphers;
    expect(ciphers(`${chacha},${ctr},${gcm}`)).toBe(`aes128-gcm@openssh.com,${chacha},${ctr},aes256-gcm@openssh.com`);
    expect(ciphers(`${chacha},${gcm},${ctr}`)).toBe(`aes128-gcm@openssh.com,${chacha},aes256-gcm@openssh.com,${ctr}`);
    expect(ciphers(`${gcm},${chacha}`)).toBeNull();
    expect(ciphers(ctr)).toBeNull();
    expect(parseSshSettings(nothing, here).ciphers).toBeNull();
  });

  it.each([
    ['none', null],
    ['SSH_AUTH_SOCK', '/run/agent'],
    ['$SSH_AUTH_SOCK', '/run/agent'],
    ['$UNSET', null],
    ['%d/sock', '/home/ada/sock'],
  ])('finds the agent for IdentityAgent %s', (value, socket) => {
    expect(parseSshSettings(`${nothing}identityagent ${value}\n`, here).agentSocket).toBe(socket);
  });

  it.each([
    ['proxyjump bob@bastion:22', 'ProxyJump bob@bastion:22'],
    ['proxycommand nc %h %p', 'ProxyCommand nc %h %p'],
    ['proxycommand none', null],
  ])('finds the proxy in `%s`', (line, proxy) => {
    expect(parseSshSettings(`${nothing}${line}\n`, here).proxy).toBe(proxy);
  });

  it('takes `none` for no files', () => {
    const text = 'host x\nhostname x\nidentityfile none\nuserknownhostsfile none\nglobalknownhostsfile none\n';
    expect(parseSshSettings(text, here)).toMatchObject({ identityFiles: [], userKnownHosts: [], globalKnownHosts: [] });
  });
});

it('takes what ssh does by itself where there is no ssh', () => {
  const endpoint = {
    site: 's',
    host: 'login.example.org',
    user: null,
    port: null,
    identityFile: null,
    connectSeconds: 20,
  };
  expect(plainSettings(endpoint, here)).toMatchObject({
    hostname: 'login.example.org',
    user: 'ada',
    port: 22,
    identityFiles: ['/home/ada/.ssh/id_rsa', '/home/ada/.ssh/id_ecdsa', '/home/ada/.ssh/id_ed25519'],
    userKnownHosts: ['/home/ada/.ssh/known_hosts'],
  });
  expect(plainSettings({ ...endpoint, identityFile: '~/key' }, here).identityFiles).toEqual(['/home/ada/key']);
});
