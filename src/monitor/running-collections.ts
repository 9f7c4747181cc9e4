import type { MonitoredWalk } from './snapshot.ts'

/** The walks of a run, each in a place of its own: as many as there were ever at once. */
export interface Walks {
  list(): readonly MonitoredWalk[]
  /** How many go on. */
  readonly running: number
  isRunning(collection: string): boolean
  start(walk: Omit<MonitoredWalk, 'done'>): void
  progress(collection: string, imported: number, done: boolean): void
  /** It ended unfinished, so it gives its place up. */
  end(collection: string): void
}

/**
 * A walk keeps its place, and one that is done is seen there until the next begins: what is looked at must not jump.
 */
export function createWalks(): Walks {
  const places: MonitoredWalk[] = []
  const placeOf = (collection: string) => places.findIndex((walk) => walk.collection === collection)
  return {
    list: () => [...places],
    get running() {
      return places.filter(({ done }) => !done).length
    },
    isRunning: (collection) => places[placeOf(collection)]?.done === false,
    start(walk) {
      const again = placeOf(walk.collection)
      const place = again === -1 ? places.findIndex(({ done }) => done) : again
      places.splice(place === -1 ? places.length : place, 1, { ...walk, done: false })
    },
    progress(collection, imported, done) {
      const place = placeOf(collection)
      const walk = places[place]
      if (walk !== undefined) places[place] = { ...walk, imported, done }
    },
    end(collection) {
      const place = placeOf(collection)
      if (place !== -1) places.splice(place, 1)
    },
  }
}
