import { expect, it } from 'vitest';
import { loops } from '../support/loops.ts';
import {
  type PassTaken,
  type Random,
  randomFrom,
  SimulatedSite,
  type Span,
  type Story,
} from '../support/simulated-site.ts';

/**
 * Sites that nobody looks after for 90 days: passes every ten minutes from two machines each, outages, maintenance, a
 * project that ends, an image that breaks, a node that kills, answers that are lost, clocks that are wrong. A person comes
 * when a site is paused, some hours later, and mends what is to be mended or does not.
 */

const minute = 60;
const hour = 3600;
const day = 24 * hour;
const days = 90;
const sites = loops({ usual: 6, full: 20 });
/** Summer time begins in Sydney and ends in Berlin within these days: a login host that is set to local time jumps then. */
const begin = Date.parse('2026-09-15T00:00:00Z') / 1000;
const sydneyForward = Date.parse('2026-10-03T16:00:00Z') / 1000;
const berlinBack = Date.parse('2026-10-25T01:00:00Z') / 1000;
const end = begin + days * day;

const maxPending = 5;

function storyFrom(random: Random, number: number): Story {
  const between = (least: number, most: number) => least + random() * (most - least);
  const span = (least: number, most: number): Span => {
    const from = Math.floor(between(begin + day, end - 2 * most));
    return { from, to: from + Math.floor(between(least, most)) };
  };
  const sometimes = (probability: number, least: number, most: number) =>
    random() < probability ? span(least, most) : null;
  const jump = span(hour, 12 * hour);
  const error = Math.floor(between(-2 * hour, 2 * hour));
  const place = random();
  const local = place < 0.2 ? [{ from: sydneyForward, seconds: hour }] : [{ from: berlinBack, seconds: -hour }];
  const jumps = [
    { from: jump.from, seconds: error },
    { from: jump.to, seconds: 0 },
  ];
  const target = 2 + Math.floor(random() * 5);
  const walltimeHours = [12, 24, 48][Math.floor(random() * 3)] ?? 24;
  return {
    target,
    walltimeHours,
    nodeHours: number % 2 === 0 ? Math.floor(target * between(10, days) * 24) : null,
    outages: [span(hour, 8 * hour), span(hour, 8 * hour), span(10 * minute, hour)],
    maintenance: [span(10 * minute, 3 * hour), span(2 * hour, 2 * day)],
    expired: sometimes(number % 3 === 2 ? 1 : 0.1, day, 5 * day),
    broken: sometimes(number % 3 === 0 ? 1 : 0.1, 6 * hour, 6 * day),
    blackHole: sometimes(number % 3 === 1 ? 1 : 0.1, day, 20 * day),
    clockErrors: (place < 0.4 ? local : place < 0.7 ? jumps : []).toSorted((a, b) => a.from - b.from),
  };
}

/** The worst that was seen, over all sites. */
class Worst {
  readonly most = new Map<string, number>();
  passes = 0;
  roundTrips = 0;

  saw(what: string, value: number): void {
    this.most.set(what, Math.max(this.most.get(what) ?? 0, value));
  }

  add(what: string, value: number): void {
    this.most.set(what, (this.most.get(what) ?? 0) + value);
  }
}

class Unattended {
  private readonly site: SimulatedSite;
  private readonly random: Random;
  private readonly worst: Worst;
  private personAt: number | null = null;
  private resumedAt = begin;
  private deathsBefore = 0;
  private waitingSince: number | null = null;

  constructor(site: SimulatedSite, random: Random, worst: Worst) {
    this.site = site;
    this.random = random;
    this.worst = worst;
  }

  run(): void {
    const { site } = this;
    const second = Math.ceil(this.random() * 9) * minute;
    for (let at = begin; at < end; at += 10 * minute) {
      this.until(at);
      if (this.random() < 0.1) this.passes(2);
      else {
        this.passes(1);
        this.until(at + second);
        this.passes(1);
      }
    }
    this.endEpisode();
    for (const [what, times] of site.tally) this.worst.add(what, times);
  }

  private until(at: number): void {
    const { site } = this;
    if (this.personAt !== null && this.personAt <= at) {
      site.advance(this.personAt);
      this.resumedAt = this.personAt;
      this.personAt = null;
      this.endEpisode();
      site.resume();
    }
    site.advance(at);
  }

  /** So many died of a broken image since somebody said that it is mended. */
  private endEpisode(): void {
    const { site, worst } = this;
    worst.saw('deaths between two resumes', site.deaths - this.deathsBefore);
    worst.saw('deaths on the node that kills', site.blackHoleDeaths);
    expect(site.deaths - this.deathsBefore).toBeLessThanOrEqual(3 * maxPending);
    this.deathsBefore = site.deaths;
  }

  /** At once, with the lock made useless: all look, then all act. */
  private passes(together: number): void {
    const { site, worst } = this;
    const costs = Array.from({ length: together }, () => ({ roundTrips: 0 }));
    worst.passes += together;
    if (site.isQuiet() && !site.isOut()) {
      worst.roundTrips += together;
      this.recovers(null);
      return;
    }
    const looks = costs.map((cost) => ({ cost, census: site.look(cost) }));
    for (const { cost, census } of looks) {
      const taken: PassTaken =
        census === null ? { ...cost, plan: null, restraint: null, submitted: 0 } : site.act(census, cost);
      worst.roundTrips += taken.roundTrips;
      worst.saw('round trips a pass', taken.roundTrips);
      expect(taken.roundTrips).toBeLessThanOrEqual(5);
      this.judge(taken);
    }
    this.keepsPromises();
  }

  private keepsPromises(): void {
    const { site } = this;
    expect(site.alive()).toBeLessThanOrEqual(site.profile.target);
    const { nodeHours } = site.story;
    if (nodeHours !== null) expect(site.usedAtMost()).toBeLessThanOrEqual(nodeHours * hour);
  }

  private judge(taken: PassTaken): void {
    const { site, worst } = this;
    if (taken.restraint !== null) this.recovers(taken.restraint);
    if (taken.restraint?.brake.kind !== 'paused' || this.personAt !== null) return;
    const { cause } = taken.restraint.brake.pause;
    worst.add(`paused: ${cause}`, 1);
    // A node that kills does not pause a site; nor does what was mended before somebody resumed it.
    const { broken, expired } = site.story;
    const wrong = [cause === 'died' ? broken : expired].find((span) => span !== null && span.to > this.resumedAt);
    expect(wrong?.from ?? end, `paused: ${cause}`).toBeLessThanOrEqual(site.now);
    this.personAt = site.now + Math.floor(2 * hour + this.random() * 46 * hour);
  }

  /** What the controller could not do, it is asked for again soon after it can. */
  private recovers(restraint: PassTaken['restraint']): void {
    const { site, worst } = this;
    const { outages, maintenance } = site.story;
    const ended = [...outages, ...maintenance].filter(({ to }) => to <= site.now && site.now - to < 2 * hour);
    const isOff = [...outages, ...maintenance].some(({ from, to }) => from <= site.now && site.now < to);
    if (isOff) {
      this.waitingSince = null;
      return;
    }
    const latest = Math.max(0, ...ended.map(({ to }) => to));
    if (latest > 0 && (this.waitingSince ?? 0) < latest) this.waitingSince = latest;
    if (this.waitingSince === null || this.waitingSince === end) return;
    if (restraint?.brake.kind === 'waits' && restraint.brake.row.what === 'refused') return;
    worst.saw('minutes from the end of an outage to the next try', Math.ceil((site.now - this.waitingSince) / minute));
    // Two passes, and one more where a connection is lost.
    expect(site.now - this.waitingSince).toBeLessThanOrEqual(30 * minute);
    this.waitingSince = end;
  }
}

function told(worst: Worst): string {
  const words = [...worst.most].map(([what, value]) => `${what} ${value}`).sort();
  return `${worst.passes} passes, ${(worst.roundTrips / worst.passes).toFixed(3)} round trips each; ${words.join(', ')}`;
}

it(
  'is safe for 90 days: never over target or budget, deaths are bounded, outages are got over',
  () => {
    const worst = new Worst();
    const seeds = loops({ usual: 1, full: 1000 });
    for (let seed = 1; seed <= seeds; seed += 1) {
      for (let number = 0; number < sites; number += 1) {
        const random = randomFrom(seed * 1000 + number);
        try {
          new Unattended(new SimulatedSite(storyFrom(random, number), begin, random), random, worst).run();
        } catch (error) {
          throw new Error(`seed ${seed}, site ${number}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
    }
    console.log(`${seeds} histories of ${days} days and ${sites} sites: ${told(worst)}`);
    for (const what of ['blind', 'fenced', 'refused', 'answer lost', 'cleared', 'resumed', 'paused: forbidden']) {
      expect(worst.most.get(what) ?? 0, what).toBeGreaterThan(0);
    }
  },
  loops({ usual: 120_000, full: 28_800_000 }),
);
