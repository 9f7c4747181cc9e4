import type { HostProgress } from '../contracts/crawl-events.ts'

/** Tells how long a crawl takes yet, by what was measured since it is looked at. */
export interface CrawlTimeLeft {
  /**
   * @param hosts how far all hosts are by now, those of other processes included
   * @param activeShare how many of the accounts that hosts list are active, from 0 to 1
   * @param now in milliseconds
   * @returns about how long, in milliseconds; nothing where that is not known, or no host is left
   */
  of(hosts: readonly HostProgress[], activeShare: number, now: number): number | undefined
}

/** Shorter than this nothing is measured, in milliseconds: a minute is about a page at eight requests a second. */
const SHORTEST_MS = 60_000

/** Longer than this, a size or a speed is wrong, in milliseconds: a hundred days. */
const LONGEST_MS = 8_640_000_000

/** Since when a name is looked at, with the repos that it had come to then, and at the last look. */
interface Begun {
  readonly at: number
  readonly repos: number
  readonly last: number
}

/**
 * Three things may last longest: the repos of all hosts at the speed of the whole crawl, a host that is asked at its own
 * speed, and a host that waits at the speed of the others. Hosts that share a limit count as one. Where a host's size, or a
 * speed that matters, is not known, or it would be months, nothing is.
 */
export function createCrawlTimeLeft(): CrawlTimeLeft {
  const begun = new Map<string, Begun>()

  /** Repos in a millisecond since the name was first looked at; nothing where that is not long ago enough. */
  function speedOf(name: string, repos: number, now: number): number | undefined {
    const known = begun.get(name)
    // A walk that begins again is measured anew.
    const first = known === undefined || repos < known.last ? { at: now, repos } : known
    begun.set(name, { ...first, last: repos })
    if (now - first.at < SHORTEST_MS || repos <= first.repos) return undefined
    return (repos - first.repos) / (now - first.at)
  }

  return {
    of(hosts, activeShare, now) {
      const left = ({ accounts = 0, repos }: HostProgress) => Math.max(0, accounts * activeShare - repos)
      const all = speedOf(
        '',
        sumOf(hosts, ({ repos }) => repos),
        now,
      )
      const open = hosts.filter(({ state }) => state === 'pending' || state === 'running')
      const read = reposByName(hosts)
      const works = Array.from(Map.groupBy(open, nameOf), ([name, members]) => {
        const isRunning = members.some(({ state }) => state === 'running')
        return {
          left: sumOf(members, left),
          isShared: members.some(({ group }) => group !== undefined),
          waitMs: Math.min(...members.map(({ retryInMs = 0 }) => retryInMs)),
          speed: isRunning ? speedOf(name, read.get(name) ?? 0, now) : undefined,
        }
      })
      if (all === undefined || open.length === 0) return undefined
      if (open.some(({ accounts }) => accounts === undefined)) return undefined
      const singles = works.flatMap(({ isShared, speed }) => (isShared || speed === undefined ? [] : [speed]))
      const usual = singles.length === 0 ? undefined : sumOf(singles, (speed) => speed) / singles.length
      const times = works.map((work) => {
        const speed = work.speed ?? (work.isShared ? undefined : usual)
        if (work.left === 0) return work.waitMs
        return speed === undefined ? undefined : work.waitMs + work.left / speed
      })
      const known = times.filter((time) => time !== undefined)
      if (known.length < times.length) return undefined
      const longest = Math.max(sumOf(open, left) / all, ...known)
      return longest <= LONGEST_MS ? longest : undefined
    },
  }
}

/** Of a host by itself, or of the group that it shares a limit with. */
function nameOf({ host, group }: HostProgress): string {
  return group ?? host
}

function reposByName(hosts: readonly HostProgress[]): ReadonlyMap<string, number> {
  const repos = new Map<string, number>()
  for (const host of hosts) repos.set(nameOf(host), (repos.get(nameOf(host)) ?? 0) + host.repos)
  return repos
}

function sumOf<T>(items: readonly T[], number: (item: T) => number): number {
  return items.reduce((sum, item) => sum + number(item), 0)
}
