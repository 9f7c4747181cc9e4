/** How long pages take, told from those of the last one to two minutes. */
export interface Pace {
  /** @param at on the clock of {@link createActiveTime} */
  add(pages: number, at: number): void
  /** The time for each page, in milliseconds; nothing before there was one. */
  msPerPage(at: number): number | undefined
}

/** A window is never shorter than this, in milliseconds and in pages. */
const WINDOW_MS = 60_000
const WINDOW_PAGES = 8

/** @param startedAt when the first page was asked for */
export function createPace(startedAt: number): Pace {
  let since = { at: startedAt, pages: 0 }
  let middle = since
  let total = 0
  return {
    add(pages, at) {
      total += pages
      if (at - middle.at < WINDOW_MS || total - middle.pages < WINDOW_PAGES) return
      since = middle
      middle = { at, pages: total }
    },
    msPerPage: (at) =>
      total === since.pages || at <= since.at ? undefined : (at - since.at) / (total - since.pages),
  }
}

/** A clock that stands still while nothing can be read, so that a wait is not taken for slowness. */
export interface ActiveTime {
  at(now: number): number
  /** Adds time that was not counted. */
  add(ms: number): void
  /** From now on it runs so many times as fast as the time, or stands still with 0. */
  set(now: number, speed: number): void
  /** It stands still until then. */
  holdUntil(now: number, until: number): void
}

export function createActiveTime(): ActiveTime {
  let total = 0
  let countedUntil = 0
  let speed = 0
  let heldUntil = 0
  function count(now: number): number {
    total += speed * Math.max(0, now - Math.max(countedUntil, heldUntil))
    countedUntil = now
    return total
  }
  return {
    at: count,
    add(ms) {
      total += ms
    },
    set(now, next) {
      count(now)
      speed = next
    },
    holdUntil(now, until) {
      count(now)
      heldUntil = Math.max(heldUntil, until)
    },
  }
}

/** Pauses that come again and again, as a relay's limit has it: then they are part of the pace. */
export interface Pauses {
  /** @param active the time without the pauses, until then */
  begin(now: number, until: number, active: number): void
  /** How much longer everything takes with such pauses than without; 1 where they do not come again. */
  slowdown(now: number): number
}

/** So many beginnings are looked at, and at least so many needed. */
const MOST_PAUSES = 8
const FEWEST_PAUSES = 3

export function createPauses(): Pauses {
  const begun: { at: number; active: number }[] = []
  let lastUntil = Number.NEGATIVE_INFINITY
  return {
    begin(now, until, active) {
      // A pause that becomes longer is the same one.
      if (now > lastUntil) begun.push({ at: now, active })
      if (begun.length > MOST_PAUSES) begun.shift()
      lastUntil = Math.max(lastUntil, until)
    },
    slowdown(now) {
      const [first, last] = [begun[0], begun.at(-1)]
      if (first === undefined || last === undefined || begun.length < FEWEST_PAUSES) return 1
      const lasted = last.at - first.at
      const hasEnded = now - last.at > (2 * lasted) / (begun.length - 1)
      return hasEnded ? 1 : lasted / (last.active - first.active)
    },
  }
}
