import { createActiveTime, createPace, createPauses, type Pace } from './pace.ts'
import { type OpenWalk, timeToRead } from './time-to-read.ts'

/** A collection that is open, and what holds it up. */
export interface OpenRow extends Omit<OpenWalk, 'msPerPage'> {
  readonly collection: string
  /** Another worker has a claim on it, for this long without a renewal, in milliseconds from now. */
  readonly leaseLeftMs: number | undefined
}

/** What other workers did with a collection since the last time. */
export interface OthersWalk {
  readonly collection: string
  readonly pages: number
  readonly isRunning: boolean
}

/** Tells from the pages that come how long the rest takes. */
export interface Forecast {
  /** A walk of this run begins, or ends. */
  begin(collection: string, now: number): void
  end(collection: string, now: number): void
  /** Pages of a walk of this run are durable. */
  read(collection: string, pages: number, now: number): void
  /** What the others do is heard of now and then. */
  hear(others: readonly OthersWalk[], now: number): void
  /** The relay wants no request before `until`. */
  pause(now: number, until: number): void
  /** Whether the stores can be used from now on. */
  setAvailable(isAvailable: boolean, now: number): void
  /** Whether there was a page. */
  hasPace(now: number): boolean
  /**
   * How long the rest takes, in milliseconds; nothing before there is a pace.
   *
   * @param workers how many workers this run has
   */
  timeLeft(open: readonly OpenRow[], workers: number, now: number): number | undefined
}

interface Walk {
  readonly pace: Pace
  readonly isOwn: boolean
  /** When it last brought a page. */
  readAt: number
}

/** A claim of another worker that brings no page for so long may be that of a process that is gone. */
const SILENT_MS = 30_000

export function createForecast(): Forecast {
  /** The time in which anything is read, and the same summed up over the walks. */
  const active = createActiveTime()
  const walking = createActiveTime()
  const pauses = createPauses()
  const walks = new Map<string, Walk>()
  let pace: Pace | undefined
  let pausedUntil = 0
  let isAvailable = true
  /** How many walks of others there were when they were last heard of, and when that was. */
  const others = { walks: 0, at: 0 }

  const own = () => [...walks.values()].filter(({ isOwn }) => isOwn).length
  const isSilent = (walk: Walk, now: number) => !walk.isOwn && now - walk.readAt > SILENT_MS

  function setSpeeds(now: number): void {
    const ownWalks = isAvailable ? own() : 0
    walking.set(now, ownWalks)
    active.set(now, isAvailable && ownWalks + others.walks > 0 ? 1 : 0)
  }

  function hearOf({ collection, pages, isRunning }: OthersWalk, now: number): void {
    const walk = walks.get(collection) ?? { pace: createPace(active.at(now)), isOwn: false, readAt: now }
    walk.pace.add(pages, active.at(now))
    if (pages > 0) walk.readAt = now
    if (isRunning) walks.set(collection, walk)
    else walks.delete(collection)
  }

  function openWalk(row: OpenRow, now: number): OpenWalk {
    const { requestsLeft, isRunning, dueInMs, leaseLeftMs = 0 } = row
    const walk = walks.get(row.collection)
    if (!isRunning || walk === undefined || isSilent(walk, now)) {
      return { requestsLeft, isRunning, dueInMs: Math.max(dueInMs, leaseLeftMs), msPerPage: undefined }
    }
    if (walk.isOwn)
      return { requestsLeft, isRunning, dueInMs, msPerPage: walk.pace.msPerPage(active.at(now)) }
    // What others do is known up to the moment when they were last heard of; they have gone on since.
    const msPerPage = walk.pace.msPerPage(others.at)
    const since = msPerPage === undefined ? 0 : (active.at(now) - others.at) / msPerPage
    return { requestsLeft: Math.max(0, requestsLeft - since), isRunning, dueInMs, msPerPage }
  }

  return {
    begin(collection, now) {
      pace ??= createPace(walking.at(now))
      walks.set(collection, { pace: createPace(active.at(now)), isOwn: true, readAt: now })
      setSpeeds(now)
    },
    end(collection, now) {
      walks.delete(collection)
      setSpeeds(now)
    },
    read(collection, pages, now) {
      pace?.add(pages, walking.at(now))
      walks.get(collection)?.pace.add(pages, active.at(now))
    },
    hear(heard, now) {
      for (const each of heard) hearOf(each, now)
      const going = heard.filter(({ isRunning, collection }) => {
        const walk = walks.get(collection)
        return isRunning && walk !== undefined && !isSilent(walk, now)
      }).length
      if (going > 0) pace ??= createPace(walking.at(now))
      const passed = active.at(now) - others.at
      walking.add((passed * (others.walks + going)) / 2)
      pace?.add(
        heard.reduce((sum, { pages }) => sum + pages, 0),
        walking.at(now),
      )
      others.walks = going
      others.at = active.at(now)
      setSpeeds(now)
    },
    pause(now, until) {
      pauses.begin(now, until, active.at(now))
      active.holdUntil(now, until)
      walking.holdUntil(now, until)
      pausedUntil = Math.max(pausedUntil, until)
    },
    setAvailable(available, now) {
      isAvailable = available
      setSpeeds(now)
    },
    hasPace: (now) => pace?.msPerPage(walking.at(now)) !== undefined,
    timeLeft(open, workers, now) {
      const msPerPage = pace?.msPerPage(walking.at(now))
      if (msPerPage === undefined || open.length === 0) return undefined
      const ms = timeToRead(
        open.map((each) => openWalk(each, now)),
        Math.max(1, workers + others.walks),
        msPerPage,
      )
      return ms * pauses.slowdown(now) + Math.max(0, pausedUntil - now)
    },
  }
}
