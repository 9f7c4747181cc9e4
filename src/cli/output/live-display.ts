import { createLogUpdate } from 'log-update'
import { isTerminal, type Output, type Screen, screenOf } from './screen.ts'

/** What is shown while it changes. */
export interface Picture {
  lines(screen: Screen): readonly string[]
  /** The same in one line, for output that is no terminal. */
  plain(): string
}

export interface Live {
  /** Shows the present state unless it did just now. Called by a timer too, but a busy process starves timers. */
  refresh(): void
  /** Prints lines that stay, above the picture where there is one. */
  say(lines: readonly string[]): void
  /** Takes the picture away, and leaves the terminal as it was. */
  stop(): void
}

export interface LiveOptions {
  readonly out: Output
  readonly env: Readonly<Record<string, string | undefined>>
}

const FRAME_MS = 100
/** How often a line is printed where nothing can be redrawn, in milliseconds. */
const PLAIN_LINE_MS = 10_000

/** Redraws a picture in place; where that cannot be done, prints a line now and then. */
export function showLive(picture: Picture, options: LiveOptions): Live {
  return isTerminal(options.out, options.env) ? redrawn(picture, options) : inLines(picture, options)
}

function redrawn(picture: Picture, { out, env }: LiveOptions): Live {
  const write = createLogUpdate(out)
  const draw = () => write(picture.lines(screenOf(out, env)).join('\n'))
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

function inLines(picture: Picture, { out }: LiveOptions): Live {
  const { refresh, end } = paced(PLAIN_LINE_MS, () => out.write(`${picture.plain()}\n`))
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
