import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A container registry on loopback that serves one image, as the registry protocol (version 2) has it. */
export interface Registry {
  /** `docker://127.0.0.1:PORT/NAME:TAG`; http without TLS. */
  source: string;
  close(): void;
}

/** An image's one layer, as a tar file, and its configuration: `Env`, `Entrypoint`, `Cmd`. */
export interface ImageFiles {
  layerFile: string;
  config: { Env: readonly string[]; Entrypoint: readonly string[]; Cmd: readonly string[] };
}

const kind = (name: string) => `application/vnd.oci.image.${name}`;

/** Starts a registry for the image. Answers when it listens. */
export async function serveImage(image: ImageFiles): Promise<Registry> {
  const layer = { digest: digestOf(readFileSync(image.layerFile)), size: (await stat(image.layerFile)).size };
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: image.config,
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: kind('manifest.v1+json'),
      config: { mediaType: kind('config.v1+json'), digest: digestOf(config), size: config.length },
      layers: [{ mediaType: kind('layer.v1.tar'), ...layer }],
    }),
  );
  const server = createServer((request, response) => {
    const [, what = '', which = ''] = /^\/v2\/pilot\/(manifests|blobs)\/(.+)$/.exec(request.url ?? '') ?? [];
    const send = (type: string, body: Buffer) => {
      response.setHeader('docker-content-digest', digestOf(body));
      response.writeHead(200, { 'content-type': type, 'content-length': body.length });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    if (request.url === '/v2/') send('application/json', Buffer.from('{}'));
    else if (what === 'manifests' && ['test', digestOf(manifest)].includes(which))
      send(kind('manifest.v1+json'), manifest);
    else if (what === 'blobs' && which === digestOf(config)) send('application/octet-stream', config);
    else if (what === 'blobs' && which === layer.digest) {
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': layer.size });
      createReadStream(image.layerFile).pipe(response);
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { source: `docker://127.0.0.1:${port}/pilot:test`, close: () => server.close() };
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
