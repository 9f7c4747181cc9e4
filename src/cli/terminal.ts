import type { Context } from './context.ts'
import { type Display, type LiveDisplay, showLiveDisplay } from './output/live-display.ts'
import { type Screen, screenOf } from './output/screen.ts'

/** Where a command that takes its time writes to for people: lines that stay, and a display that is kept up to date. */
export interface Terminal {
  screen(): Screen
  /** Lines that stay, above the display where there is one. */
  say(lines: readonly string[]): void
  /** From now on, with word of an interruption as soon as there is one. */
  show(display: Display): void
  /** Shows the present state of the display unless that was just done. */
  refresh(): void
  /** Takes the display away. */
  clear(): void
}

export function createTerminal({ out, env, interruption: { signal } }: Context): Terminal {
  let live: LiveDisplay | undefined
  const say = (lines: readonly string[]) => {
    if (lines.length === 0) return
    if (live === undefined) out.write(`${lines.join('\n')}\n`)
    else live.say(lines)
  }
  const onStop = () => say(['  Stopping. Ctrl-C again stops at once.'])
  return {
    screen: () => screenOf(out, env),
    say,
    show(display) {
      signal.addEventListener('abort', onStop, { once: true })
      live = showLiveDisplay(display, { out, env })
    },
    refresh: () => live?.refresh(),
    clear() {
      signal.removeEventListener('abort', onStop)
      live?.stop()
      live = undefined
    },
  }
}
