import { duration } from '../../../../util/format.ts'
import type { Announcer } from './announcer.ts'
import { byId, setHidden, setText } from './dom.ts'
import type { Connection } from './follow.ts'

/** The connection as it is shown: one more state than it has, while there is no token. */
export type Shown = Connection | { readonly state: 'locked' }

const NAMES: Record<Shown['state'], string> = {
  connecting: 'Connecting…',
  live: 'Live',
  waiting: 'Disconnected',
  locked: 'Locked',
}

export interface ConnectionView {
  show(connection: Shown): void
  /** Whether what is on the page is no longer how things are. */
  readonly isLost: boolean
}

/** Says whether what is on the page is still true. */
export function createConnectionView(announcer: Announcer): ConnectionView {
  const chip = byId('connection', HTMLElement)
  const banner = byId('disconnected', HTMLElement)
  const words = byId('disconnected-text', HTMLElement)
  let shown: Shown = { state: 'connecting' }
  let wasLost = false

  function tell(): void {
    chip.dataset.state = shown.state
    setText(chip, NAMES[shown.state])
    if (shown.state !== 'waiting') return
    const left = shown.until - Date.now()
    const when = left > 500 ? `Trying again in ${duration(left)}.` : 'Trying again.'
    setText(words, `Disconnected. ${shown.reason} ${when}`)
  }
  setInterval(tell, 1000)

  function show(connection: Shown): void {
    shown = connection
    tell()
    // The banner stays during an attempt: it may fail as the last one did.
    if (connection.state === 'connecting') return
    setHidden(banner, connection.state !== 'waiting')
    const isLost = connection.state === 'waiting'
    if (isLost && !wasLost) announcer.say('Disconnected from the server.')
    if (connection.state === 'live' && wasLost) announcer.say('Connected again.')
    wasLost = isLost
  }

  return {
    show,
    get isLost() {
      return wasLost
    },
  }
}
