import { createActiveTime, createPace, createPauses, type Pace } from './pace.ts'
import { type OpenWalk, timeToRead } from './time-to-read.ts'

/** A collection that is open, and what holds it up. */
export interface OpenRow extends Omit<OpenWalk, 'msPerPage'> {
  readonly collection: string
  /** Another worker has a claim on it, for this long without a renewal, in milliseconds from now. */
  readonly leaseLeftMs: number | undefined
}

/** Tells from the pages that come how long the rest takes. */
export interface Forecast {
  /** A walk of this run begins. */
  begin(collection: string, now: number): void
  /** A walk of another worker goes on. */
  see(collection: string, now: number): void
  /** Pages of a walk are durable, one of this run or of another worker. */
  read(collection: string, pages: number, now: number): void
  end(collection: string, now: number): void
  /** The relay wants no request before `until`. */
  pause(now: number, until: number): void
  /** Whether the stores can be used from now on. */
  setAvailable(isAvailable: boolean, now: number): void
  /**
   * How long the rest takes, in milliseconds; nothing before there is a pace.
   *
   * @param workers how many walks there are side by side
   */
  timeLeft(open: readonly OpenRow[], workers: number, now: number): number | undefined
}

interface Walk {
  readonly pace: Pace
  readonly isOwn: boolean
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

  const isSilent = (walk: Walk, now: number) => !walk.isOwn && now - walk.readAt > SILENT_MS

  function setSpeeds(now: number): void {
    const running = isAvailable ? [...walks.values()].filter((walk) => !isSilent(walk, now)).length : 0
    active.set(now, Math.min(1, running))
    walking.set(now, running)
  }

  function openWalk({ collection, leaseLeftMs = 0, ...open }: OpenRow, now: number): OpenWalk {
    const walk = walks.get(collection)
    const isGone = walk === undefined || isSilent(walk, now)
    return {
      ...open,
      msPerPage: open.isRunning ? walk?.pace.msPerPage(active.at(now)) : undefined,
      dueInMs: Math.max(open.dueInMs, isGone ? leaseLeftMs : 0),
    }
  }

  function enter(collection: string, isOwn: boolean, now: number): Walk {
    const walk = { pace: createPace(active.at(now)), readAt: now, isOwn }
    walks.set(collection, walk)
    setSpeeds(now)
    return walk
  }

  return {
    begin(collection, now) {
      pace ??= createPace(walking.at(now))
      enter(collection, true, now)
    },
    see(collection, now) {
      if (walks.has(collection)) setSpeeds(now)
      else enter(collection, false, now)
    },
    read(collection, pages, now) {
      const walk = walks.get(collection) ?? enter(collection, false, now)
      setSpeeds(now)
      pace?.add(pages, walking.at(now))
      walk.pace.add(pages, active.at(now))
      walk.readAt = now
    },
    end(collection, now) {
      walks.delete(collection)
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
    timeLeft(open, workers, now) {
      const msPerPage = pace?.msPerPage(walking.at(now))
      if (msPerPage === undefined || open.length === 0) return undefined
      const ms = timeToRead(
        open.map((each) => openWalk(each, now)),
        Math.max(1, workers),
        msPerPage,
      )
      return ms * pauses.slowdown(now) + Math.max(0, pausedUntil - now)
    },
  }
}
