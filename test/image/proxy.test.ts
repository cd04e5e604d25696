import { describe, expect, it } from 'vitest';
import { proxyFor } from '../../src/image/proxy.ts';

const via = (url: string, env: Record<string, string>) => proxyFor(new URL(url), env)?.href ?? null;

describe('the proxy of a URL', () => {
  it('is that of its kind, in capitals or small letters', () => {
    const env = { HTTPS_PROXY: 'http://s.example.org:3128', http_proxy: 'p.example.org:3128' };
    expect(via('https://r.example.org/v2/', env)).toBe('http://s.example.org:3128/');
    expect(via('http://r.example.org/v2/', env)).toBe('http://p.example.org:3128/');
    expect(via('https://r.example.org/v2/', { http_proxy: 'http://p.example.org' })).toBeNull();
    expect(via('https://r.example.org/v2/', { HTTPS_PROXY: '' })).toBeNull();
    expect(via('https://r.example.org/v2/', { HTTPS_PROXY: 'http://[' })).toBeNull();
  });

  it.each([
    ['r.example.org', true],
    ['example.org', true],
    ['.example.org', true],
    ['*.example.org', true],
    ['*', true],
    ['R.Example.Org', true],
    ['other.org, r.example.org', true],
    ['r.example.org:443', true],
    ['r.example.org:8443', false],
    ['ample.org', false],
    ['example.com', false],
    ['', false],
    [',', false],
  ])('is none where NO_PROXY is %j: %s', (list, isExempt) => {
    const proxy = via('https://r.example.org/v2/', { HTTPS_PROXY: 'http://s.example.org', NO_PROXY: list });
    expect(proxy === null).toBe(isExempt);
  });

  it('is none for this machine', () => {
    const env = { HTTPS_PROXY: 'http://s.example.org', HTTP_PROXY: 'http://s.example.org' };
    for (const host of ['localhost', '127.0.0.1:5000', '[::1]:5000']) expect(via(`http://${host}/v2/`, env)).toBeNull();
  });

  it('takes addresses of version 6 in NO_PROXY with and without brackets', () => {
    const env = (list: string) => ({ HTTPS_PROXY: 'http://s.example.org', NO_PROXY: list });
    for (const list of ['2001:db8::1', '[2001:db8::1]', '[2001:db8::1]:443'])
      expect(via('https://[2001:db8::1]/v2/', env(list))).toBeNull();
    expect(via('https://[2001:db8::1]/v2/', env('[2001:db8::1]:80'))).not.toBeNull();
    expect(via('https://[2001:db8::2]/v2/', env('2001:db8::1'))).not.toBeNull();
  });
});
