import type { AdminEvents, AdminStatus } from './wire-types.ts'

/** Events whose data is the same for every viewer. */
export type LoggedEvent = Exclude<keyof AdminEvents, 'snapshot'>

interface Entry {
  readonly name: keyof AdminEvents
  /** Absent for a snapshot: it is made when a viewer reads it, as things are then. */
  readonly data?: object
  /** As it is sent: made once, when the first viewer reads it. */
  text?: string
}

/** The last events, in their order, for viewers that read at their own pace. */
export interface EventLog {
  /** The number of the last event. */
  readonly last: number
  append<Name extends LoggedEvent>(name: Name, data: AdminEvents[Name]): void
  /** So much has changed that viewers need everything anew. */
  appendSnapshot(): void
  /** The number of the event that a viewer saw last; nothing when what came behind it is not all there any more. */
  seen(id: string | undefined): number | undefined
  /** Whether everything behind this event is still there. */
  holds(seq: number): boolean
  /** What comes behind an event, as text for the stream, and the number of the last event in it. */
  read(seq: number, snapshot: () => AdminStatus): { text: string; seq: number }
  snapshotText(status: AdminStatus, seq: number): string
}

/**
 * Far more than come in the seconds that a reconnect takes: a run of 61 million pairs in an hour has some thirty a
 * second. An entry is a few small objects until a viewer reads it, and then some 500 bytes.
 */
const SIZE = 4_096

/** How many events are read at once, so that a viewer that catches up is sent pieces of bounded length. */
export const BATCH = 256

/** @param size how many events are kept */
export function createEventLog(size: number = SIZE): EventLog {
  // A client may come back with the id of another process, or of one that has ended.
  const token = crypto.randomUUID().slice(0, 8)
  const entries: Entry[] = []
  let last = 0
  const idOf = (seq: number) => `${token}-${seq}`
  const holds = (seq: number) => seq <= last && seq >= last - size

  function append(entry: Entry): void {
    last += 1
    entries[last % size] = entry
  }

  function textOf(entry: Entry, seq: number, snapshot: () => AdminStatus): string {
    if (entry.data === undefined) return eventText(idOf(seq), entry.name, snapshot())
    entry.text ??= eventText(idOf(seq), entry.name, entry.data)
    return entry.text
  }

  return {
    get last() {
      return last
    },
    append: (name, data) => append({ name, data }),
    appendSnapshot: () => append({ name: 'snapshot' }),
    seen(id) {
      const [given, number = ''] = id?.split('-', 2) ?? []
      const seq = given === token && /^\d{1,15}$/.test(number) ? Number(number) : undefined
      return seq !== undefined && holds(seq) ? seq : undefined
    },
    holds,
    read(seq, snapshot) {
      const end = Math.min(last, seq + BATCH)
      const texts: string[] = []
      let hasSnapshot = false
      for (let at = end; at > seq; at -= 1) {
        const entry = entries[at % size]
        // Of several, the last one is enough: they would all be the same.
        if (entry === undefined || (entry.data === undefined && hasSnapshot)) continue
        hasSnapshot ||= entry.data === undefined
        texts.push(textOf(entry, at, snapshot))
      }
      return { text: texts.reverse().join(''), seq: end }
    },
    snapshotText: (status, seq) => eventText(idOf(seq), 'snapshot', status),
  }
}

/** JSON has no line breaks of its own, so the data is one line whatever it holds. */
function eventText(id: string, name: string, data: object): string {
  return `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}
