import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A container registry on loopback whose tags move, with the ways that public registries have. */
export interface MovingRegistry {
  /** `docker://127.0.0.1:PORT/osg/pilot:TAG`. */
  source(tag: string): string;
  /** Lets a tag stand for an image with these layers. Answers the digest of what it stands for. */
  put(tag: string, layers: Buffer | readonly Buffer[], more?: ImageWords): string;
  /** What was asked: `HEAD /v2/osg/pilot/manifests/TAG`, with what it was answered. */
  readonly asked: string[];
  close(): Promise<void>;
}

export interface RegistryWays {
  /** Whether everybody must fetch a pass first, as at public registries. */
  wantsPass?: boolean;
  /** Whether a tag stands for a list of several platforms. */
  inLists?: boolean;
  /** Whether answers say their digest. */
  saysDigest?: boolean;
  /** Runs before each answer; the answer waits for it. */
  before?(request: IncomingMessage): Promise<void> | void;
}

/** What an image says of itself. */
export interface ImageWords {
  config?: object;
  /** How large each layer is said to be; what it is when absent. */
  saidBytes?: number;
}

interface Blob {
  type: string;
  body: Buffer;
}

const kind = (name: string) => `application/vnd.oci.image.${name}`;
const pass = 'a-pass-for-anybody';

/** Starts a registry. Answers when it listens. */
export async function movingRegistry(ways: RegistryWays = {}): Promise<MovingRegistry> {
  const { wantsPass = true, inLists = true, saysDigest = true, before } = ways;
  const tags = new Map<string, string>();
  const blobs = new Map<string, Blob>();
  const asked: string[] = [];
  const keep = (type: string, body: Buffer) => {
    const digest = digestOf(body);
    blobs.set(digest, { type, body });
    return { mediaType: type, digest, size: body.length };
  };
  const keepJson = (type: string, value: object) => keep(type, Buffer.from(JSON.stringify(value)));

  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const host = request.headers.host ?? '';
    const url = new URL(request.url ?? '/', `http://${host}`);
    const send = (status: number, body: string | Blob, headers: Record<string, string> = {}) => {
      asked.push(`${request.method} ${url.pathname} ${status}`);
      const { type, body: bytes } =
        typeof body === 'string' ? { type: 'application/json', body: Buffer.from(body) } : body;
      response.writeHead(status, { 'content-type': type, 'content-length': bytes.length, ...headers });
      response.end(request.method === 'HEAD' ? undefined : bytes);
    };
    if (url.pathname === '/pass') {
      const scope = url.searchParams.get('scope');
      const isRight = scope === 'repository:osg/pilot:pull' && url.searchParams.get('service') === 'test';
      return isRight ? send(200, JSON.stringify({ token: pass })) : send(400, '{}');
    }
    if (wantsPass && request.headers.authorization !== `Bearer ${pass}`) {
      const challenge = `Bearer realm="http://${host}/pass",service="test",scope="repository:osg/pilot:pull"`;
      return send(401, '{}', { 'www-authenticate': challenge });
    }
    if (url.pathname === '/v2/') return send(200, '{}');
    const [, what = '', which = ''] = /^\/v2\/osg\/pilot\/(manifests|blobs)\/(.+)$/.exec(url.pathname) ?? [];
    const digest = what === 'manifests' ? (tags.get(which) ?? which) : which;
    const found = blobs.get(digest);
    if (found === undefined) return send(404, '{}');
    return send(200, found, saysDigest ? { 'docker-content-digest': digest } : {});
  };

  const server = createServer((request, response) => {
    void Promise.resolve(before?.(request)).then(() => answer(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    asked,
    source: (tag) => `docker://127.0.0.1:${port}/osg/pilot:${tag}`,
    put(tag, contents, { config: image = { Cmd: ['/x'] }, saidBytes } = {}) {
      const layers = [contents].flat().map((content) => {
        const kept = keep(kind('layer.v1.tar'), content);
        return { ...kept, size: saidBytes ?? kept.size };
      });
      const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) };
      const config = keepJson(kind('config.v1+json'), { architecture: 'amd64', os: 'linux', config: image, rootfs });
      const type = kind('manifest.v1+json');
      const manifest = keepJson(type, { schemaVersion: 2, mediaType: type, config, layers });
      const platforms = ['arm64', 'amd64', 'x64'].map((architecture) => ({
        ...manifest,
        platform: { architecture, os: 'linux' },
      }));
      const list = { schemaVersion: 2, mediaType: kind('index.v1+json'), manifests: platforms };
      const { digest } = inLists ? keepJson(list.mediaType, list) : manifest;
      tags.set(tag, digest);
      return digest;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
