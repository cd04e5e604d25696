import { type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { connect as secured } from 'node:tls';
import { proxyFor } from './proxy.ts';

/** One request of HTTP, through the proxy of the environment: Node's own `fetch` takes no notice of it before Node 24. */
export interface HttpQuestion {
  method: 'GET' | 'HEAD';
  url: URL;
  headers: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

export interface HttpAnswer {
  status: number;
  /** The first of several; null: there is none. */
  header(name: string): string | null;
  body: Buffer;
}

/** What a registry says of an image is far smaller. */
const mostBytes = 4 * 1024 * 1024;

/** Asks. Rejects when there is no whole answer; follows nothing. */
export async function httpGet(question: HttpQuestion): Promise<HttpAnswer> {
  const { method, url, headers, signal } = question;
  const proxy = proxyFor(url, process.env);
  // Without an agent of its own a connection would be kept, and the process with it.
  const asking = { method, headers, signal, agent: false } as const;
  if (url.protocol === 'https:') {
    return proxy === null ? answerOf(secureRequest(url, asking)) : throughTunnel(question, proxy);
  }
  if (proxy === null) return answerOf(plainRequest(url, asking));
  const toProxy = { path: url.href, headers: { ...headers, host: url.host, ...login(proxy) } };
  return answerOf(requestTo(proxy)(proxy, { ...asking, ...toProxy }));
}

/** The request of a protocol; a proxy of another kind (SOCKS) is not spoken to. */
function requestTo({ protocol, host }: URL): typeof plainRequest {
  if (protocol === 'http:') return plainRequest;
  if (protocol === 'https:') return secureRequest;
  throw new Error(`the proxy ${protocol}//${host} is of a kind that is not supported`);
}

async function throughTunnel({ method, url, headers, signal }: HttpQuestion, proxy: URL): Promise<HttpAnswer> {
  const socket = await tunnelTo(url, proxy, signal);
  const host = url.hostname;
  try {
    // With a connection given there is no agent. A server's name may not be an address.
    const createConnection = () => secured({ socket, host, servername: isIP(host) === 0 ? host : '' });
    return await answerOf(secureRequest(url, { method, headers, signal, createConnection }));
  } finally {
    socket.destroy();
  }
}

function login({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const words = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(words).toString('base64')}` };
}

/** A connection to the host of a URL through a proxy. */
function tunnelTo(url: URL, proxy: URL, signal: AbortSignal): Promise<Socket> {
  const path = `${url.hostname}:${url.port || '443'}`;
  const asking = { method: 'CONNECT', path, headers: { host: path, ...login(proxy) }, signal, agent: false } as const;
  return new Promise((resolve, reject) => {
    requestTo(proxy)(proxy, asking)
      .on('connect', ({ statusCode }, socket) => {
        if (statusCode === 200) return resolve(socket);
        socket.destroy();
        reject(new Error(`the proxy ${proxy.host} answered ${statusCode}`));
      })
      .on('error', reject)
      .end();
  });
}

function answerOf(asked: ClientRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    asked.on('error', reject).on('response', (response) => {
      bodyOf(response).then((body) => {
        const header = (name: string) => [response.headers[name] ?? []].flat()[0] ?? null;
        resolve({ status: response.statusCode ?? 0, header, body });
      }, reject);
    });
    asked.end();
  });
}

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    const piece = Buffer.from(chunk);
    bytes += piece.length;
    if (bytes > mostBytes) throw new Error(`the answer is longer than ${mostBytes} bytes`);
    chunks.push(piece);
  }
  return Buffer.concat(chunks);
}
