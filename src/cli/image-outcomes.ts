import type { ImageBuildReport, PlannedBuild } from '../commands/image-build.ts';
import type { ImageBuildOnSiteReport } from '../commands/image-build-on-site.ts';
import type { CheckedImage, ImageCheckReport } from '../commands/image-check.ts';
import type { ImageListReport } from '../commands/image-list.ts';
import type { ImagePruneReport } from '../commands/image-prune.ts';
import { ok, type Result } from '../failure.ts';
import type { StoredImage } from '../image/stored-image.ts';
import { done, type Outcome } from './outcome.ts';
import { columns, forTerminal, type Printing, paint } from './report.ts';
import { duration } from './status-table.ts';

/** What the `image` commands come to, in words and as JSON. */

export function buildOutcome(report: Result<ImageBuildReport>): Result<Outcome> {
  if (!report.ok) return report;
  if (report.value.kind === 'planned')
    return ok(done({ planned: report.value.build }, plannedWords(report.value.build)));
  const { image, seconds } = report.value;
  const text = [
    `${image.name}: built by ${image.builtBy} in ${duration(seconds)}: ${megabytes(image.bytes)} MB`,
    `  ${image.path}`,
  ].join('\n');
  return ok(
    done({ image: imageJson(image) }, forTerminal(text), `next: glidein site set SITE image.name=${image.name}`),
  );
}

export function buildOnSiteOutcome(report: Result<ImageBuildOnSiteReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { site, source, image, inBatch, seconds } = report.value;
  const where = inBatch ? 'by a batch job' : 'on its login host';
  if (image === null) {
    const text = `${site}: would be built from ${source} ${where}, and image.remotePath set`;
    return ok(done({ planned: { site, source } }, forTerminal(text)));
  }
  const { digest, sha256, bytes, path, version: builtBy } = image;
  const text = [
    `${site}: built ${where} by ${builtBy} in ${duration(seconds)}: ${megabytes(bytes)} MB`,
    `  image.remotePath is now ${path}`,
  ].join('\n');
  return ok(done({ site, image: { source, digest, sha256, bytes, path, builtBy } }, forTerminal(text)));
}

function plannedWords({ name, source, builder, pulledBytes, place }: PlannedBuild): string {
  const size = pulledBytes === null ? '' : ` (${megabytes(pulledBytes)} MB to be pulled)`;
  return forTerminal(`${name}: would be built from ${source}${size} by ${builder.version}, unpacked in ${place}`);
}

/** Names of its JSON fields are fixed. */
export function imageListOutcome(report: Result<ImageListReport>, nowMilliseconds: number): Result<Outcome> {
  if (!report.ok) return report;
  const { images, inUse, directory } = report.value;
  const json = { images: images.map(listedJson) };
  if (images.length === 0) return ok(done(json, `no image is built in ${directory}\nnext: glidein image build`));
  const rows = images.map((image) => [
    inUse.has(image) ? `${image.name}*` : image.name,
    image.sha256.slice(0, 12),
    `${megabytes(image.bytes)} MB`,
    `${duration(age(image, nowMilliseconds))} ago`,
    image.source,
  ]);
  const table = columns([['IMAGE', 'SHA-256', 'SIZE', 'BUILT', 'SOURCE'], ...rows]);
  const aside = inUse.size === 0 ? 'no profile uses any of them' : '* a profile uses it';
  return ok({
    json,
    text: (printing) => forTerminal([...table, paint('dim', aside, printing)].join('\n')),
    failures: [],
    exitCode: 0,
  });
}

export function pruneOutcome(report: Result<ImagePruneReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { removed, strays, bytes, kept, dryRun } = report.value;
  const verb = dryRun ? 'would remove' : 'removed';
  const lines = [
    ...removed.map((image) => `${verb} ${image.name} ${image.sha256.slice(0, 12)} of ${image.builtAt.slice(0, 10)}`),
    ...strays.map(({ path }) => `${verb} ${path}, which belongs to no image`),
  ];
  const sum = `${megabytes(bytes)} MB; ${kept === 1 ? 'one image stays' : `${kept} images stay`}`;
  const total = lines.length === 0 ? `nothing to remove; ${sum.split('; ')[1]}` : `${verb} ${sum}`;
  const json = { removed: removed.map(listedJson), strays, bytes, kept, dryRun };
  return ok(done(json, forTerminal([...lines, total].join('\n'))));
}

/** 3 where a registry said nothing: what is to be known is not known yet. */
export function imageCheckOutcome(report: Result<ImageCheckReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { images } = report.value;
  const isUnsaid = images.some(({ freshness }) => freshness.registryDigest === null);
  return ok({
    json: { images: images.map(checkedJson) },
    text: (printing) => forTerminal(checkedWords(images, printing)),
    failures: [],
    exitCode: isUnsaid ? 3 : 0,
  });
}

function checkedWords(images: readonly CheckedImage[], printing: Printing): string {
  if (images.length === 0) return 'no image is built on this machine\nnext: glidein image build';
  return images.map((one) => lineOf(one, printing)).join('\n');
}

function lineOf({ image, freshness, maxAgeHours }: CheckedImage, printing: Printing): string {
  const { state, ageHours, reason } = freshness;
  const built = `built ${duration(ageHours * 3600)} ago`;
  const next = `\n${paint('dim', 'next:', printing)} glidein image build ${image.name}`;
  switch (state) {
    case 'current':
      return `${image.name}: ${paint('green', 'current', printing)}: ${image.source} still stands for it; ${built}`;
    case 'newer':
      return `${image.name}: ${paint('yellow', 'a newer one exists', printing)}: ${image.source} stands for another image by now; ${built}${next}`;
    case 'old':
      return `${image.name}: ${paint('yellow', `older than ${maxAgeHours} hours`, printing)}, and whether there is a newer one is not known: ${reason}; ${built}${next}`;
    case 'unknown':
      return `${image.name}: ${paint('yellow', 'not known', printing)} whether there is a newer one: ${reason}; ${built}`;
  }
}

function checkedJson({ image, freshness, maxAgeHours }: CheckedImage): object {
  const { name, source, digest, sha256, builtAt } = image;
  const { state, ageHours, registryDigest, reason } = freshness;
  const hours = Math.round(ageHours * 10) / 10;
  return { name, source, state, reason, digest, registryDigest, sha256, builtAt, ageHours: hours, maxAgeHours };
}

function imageJson(image: StoredImage): object {
  return { ...listedJson(image), builtBy: image.builtBy };
}

function listedJson({ name, source, digest, sha256, bytes, builtAt, path }: StoredImage): object {
  return { name, source, digest, sha256, bytes, builtAt, path };
}

function age({ builtAt }: StoredImage, nowMilliseconds: number): number {
  return Math.max(0, (nowMilliseconds - Date.parse(builtAt)) / 1000);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
