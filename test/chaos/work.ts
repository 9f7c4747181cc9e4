import type { Random } from './random.ts'

/** Small, so that there are many commits to disturb. */
export const PAGE_SIZE = 50

/** What every populated relay has: each run asks for it before it begins. */
export const PROFILE = 'app.bsky.actor.profile'

/** What five workers manage on two cores while everything goes wrong. */
const PAGES_PER_SECOND = 150

/** 80 pages: a walk of that length is disturbed several times. */
const LARGEST = 80 * PAGE_SIZE

/** The sizes at which a list ends in some special way: nothing, one, just below, exactly and just above a full page. */
const SPECIAL = [0, 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 2 * PAGE_SIZE]

/** Collections with their sizes, as many as keep the workers busy for that long. */
export function workFor(seconds: number, random: Random): Record<string, number> {
  const sizes: Record<string, number> = { [PROFILE]: 10 * PAGE_SIZE }
  let pages = 11
  for (let n = 0; pages < seconds * PAGES_PER_SECOND; n += 1) {
    const size =
      n % 10 === 0 ? random.pick(SPECIAL) : Math.floor(Math.exp(random.between(0, Math.log(LARGEST))))
    sizes[`com.example.chaos.n${n}`] = size
    pages += pagesOf(size)
  }
  return sizes
}

/** How many pages a collection of that size has, where no page is shorter than it must be. */
export function pagesOf(size: number): number {
  return Math.floor(size / PAGE_SIZE) + 1
}
