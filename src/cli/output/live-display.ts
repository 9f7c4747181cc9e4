import { createLogUpdate } from 'log-update'
import { isTerminal, type Output, type Screen, screenOf } from './screen.ts'

/** Something that changes while it is shown. */
export interface Display {
  lines(screen: Screen): readonly string[]
  /** The same in one line, for output that is no terminal. Empty: there is nothing to say at the moment. */
  plain(): string
}

export interface LiveDisplay {
  /**
   * Draws the display anew, unless it was drawn a moment ago. A timer does so too, but a busy process starves timers.
   */
  refresh(): void
  /** Prints lines that stay, above the display where there is one. */
  say(lines: readonly string[]): void
  /** Takes the display away, and leaves the terminal as it was. */
  stop(): void
}

export interface LiveDisplayOptions {
  readonly out: Output
  readonly env: Readonly<Record<string, string | undefined>>
}

const FRAME_MS = 100
/** How often a line is printed where nothing can be redrawn, in milliseconds. */
const PLAIN_LINE_MS = 10_000

/** Redraws a display in place; where that cannot be done, prints a line now and then. */
export function showLiveDisplay(display: Display, options: LiveDisplayOptions): LiveDisplay {
  return isTerminal(options.out, options.env) ? redrawn(display, options) : inLines(display, options)
}

function redrawn(display: Display, { out, env }: LiveDisplayOptions): LiveDisplay {
  const write = createLogUpdate(out)
  const draw = () => write(display.lines(screenOf(out, env)).join('\n'))
  const { refresh, end } = paced(FRAME_MS, draw)
  draw()
  return {
    refresh,
    say(lines) {
      write.persist(lines.join('\n'))
      draw()
    },
    stop() {
      end()
      write.clear()
      write.done()
    },
  }
}

function inLines(display: Display, { out }: LiveDisplayOptions): LiveDisplay {
  const { refresh, end } = paced(PLAIN_LINE_MS, () => {
    const line = display.plain()
    if (line !== '') out.write(`${line}\n`)
  })
  return { refresh, say: (lines) => out.write(`${lines.join('\n')}\n`), stop: end }
}

function paced(everyMs: number, draw: () => void): { refresh(): void; end(): void } {
  let last = performance.now()
  const refresh = () => {
    const now = performance.now()
    if (now - last < everyMs) return
    last = now
    draw()
  }
  const timer = setInterval(refresh, everyMs / 2)
  return { refresh, end: () => clearInterval(timer) }
}
