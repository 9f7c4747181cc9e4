import { createLogUpdate } from 'log-update'
import type { Screen } from './display.ts'

/** What is shown while it changes. */
export interface Picture {
  lines(screen: Screen): readonly string[]
  /** The same in one line, for output that is no terminal. */
  plain(): string
}

export interface Live {
  /** Shows the present state unless it did just now. Called by a timer too, but a busy process starves timers. */
  refresh(): void
  /** Takes the picture away, and leaves the terminal as it was. */
  stop(): void
}

const FRAME_MS = 100
const PLAIN_LINE_MS = 3_000

/** Redraws a picture in place; where that cannot be done, prints a line now and then. */
export function showLive(picture: Picture, out: NodeJS.WriteStream = process.stdout): Live {
  return out.isTTY ? redrawn(picture, out) : inLines(picture, out)
}

export function screenOf(out: NodeJS.WriteStream = process.stdout): Screen {
  return { columns: out.columns ?? 80, color: out.isTTY === true && out.hasColors() }
}

function redrawn(picture: Picture, out: NodeJS.WriteStream): Live {
  const write = createLogUpdate(out)
  const { refresh, end } = paced(FRAME_MS, () => write(picture.lines(screenOf(out)).join('\n')))
  refresh()
  return {
    refresh,
    stop() {
      end()
      write.clear()
      write.done()
    },
  }
}

function inLines(picture: Picture, out: NodeJS.WriteStream): Live {
  const { refresh, end } = paced(PLAIN_LINE_MS, () => out.write(`${picture.plain()}\n`))
  return { refresh, stop: end }
}

function paced(everyMs: number, draw: () => void): { refresh(): void; end(): void } {
  let last = everyMs === FRAME_MS ? 0 : performance.now()
  const refresh = () => {
    const now = performance.now()
    if (now - last < everyMs) return
    last = now
    draw()
  }
  const timer = setInterval(refresh, everyMs / 2)
  return { refresh, end: () => clearInterval(timer) }
}
