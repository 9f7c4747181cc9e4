/**
 * How many requests a server gets at once, as far as its answers tell. It is `open` until it is too much for the server. Then
 * it is `recovering`: half of them, and one more each round. After a refusal it is `probing` before that: one at a time asks
 * whether the server still refuses.
 */
export type Pace = Open | Recovering | Probing

interface Open {
  readonly name: 'open'
}

interface Recovering {
  readonly name: 'recovering'
  /** How many at once. */
  readonly room: number
  /** How many answers there were with this room: with as many, it grows. */
  readonly answers: number
  /** How many were under way when it was too much: from there on it is open. */
  readonly peak: number
}

interface Probing {
  readonly name: 'probing'
  /** What it is once the server answers. */
  readonly next: Open | Recovering
}

export const OPEN: Pace = { name: 'open' }

/** How many requests may be under way at once. */
export function roomOf(pace: Pace): number {
  if (pace.name === 'recovering') return pace.room
  return pace.name === 'open' ? Number.POSITIVE_INFINITY : 1
}

/** The server had too much with `underWay` requests: a timeout, or a refusal. */
export function halved(pace: Pace, underWay: number): Pace {
  // A refused probe says nothing about what the server bears.
  if (pace.name === 'probing') return pace
  const peak = pace.name === 'open' ? underWay : pace.peak
  const room = Math.max(1, Math.floor(Math.min(roomOf(pace), underWay) / 2))
  return { name: 'recovering', room, answers: 0, peak }
}

/** The server refused a request. */
export function probing(pace: Pace): Pace {
  return pace.name === 'probing' ? pace : { name: 'probing', next: pace }
}

/** The server answered a request. */
export function answered(pace: Pace): Pace {
  if (pace.name === 'probing') return pace.next
  if (pace.name === 'open') return pace
  const { room, peak } = pace
  const answers = pace.answers + 1
  if (answers < room) return { ...pace, answers }
  return room >= peak ? OPEN : { ...pace, room: room + 1, answers: 0 }
}
