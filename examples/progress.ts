// Progress on a console: a monitor follows the events of a run, and its snapshot tells how far that is and how long it takes.
import { createBackfiller, createMonitor, memoryStore } from 'atproto-collection-backfill'

const { RELAY = 'relay1.us-east.bsky.network' } = process.env
const monitor = createMonitor({ relay: RELAY })
const show = () => {
  const { collections, imported, timeLeft } = monitor.snapshot()
  const left = timeLeft && `, ${timeLeft.atLeast ? 'at least ' : ''}${Math.ceil(timeLeft.ms / 1000)} s left`
  console.log(
    `${collections.complete} of ${collections.total} collections, ${imported} imported${left ?? ''}`,
  )
}
const timer = setInterval(show, 1_000)
await createBackfiller({ relay: RELAY, store: memoryStore(), onEvent: monitor.handle }).run()
clearInterval(timer)
show()
