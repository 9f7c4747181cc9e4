import type { Context } from './context.ts'
import { type Live, type Picture, showLive } from './output/live-display.ts'
import { type Screen, screenOf } from './output/screen.ts'

/** Where a command that takes its time writes to for people: lines that stay, and a picture that is kept up to date. */
export interface Terminal {
  screen(): Screen
  /** Lines that stay, above the picture where there is one. */
  say(lines: readonly string[]): void
  /** From now on, with word of an interruption as soon as there is one. */
  show(picture: Picture): void
  /** Shows the present state of the picture unless that was just done. */
  refresh(): void
  /** Takes the picture away. */
  clear(): void
}

export function createTerminal({ out, env, interruption: { signal } }: Context): Terminal {
  let live: Live | undefined
  const say = (lines: readonly string[]) => {
    if (live === undefined) out.write(`${lines.join('\n')}\n`)
    else live.say(lines)
  }
  const onStop = () => say(['  Stopping. Ctrl-C again stops at once.'])
  return {
    screen: () => screenOf(out, env),
    say,
    show(picture) {
      signal.addEventListener('abort', onStop, { once: true })
      live = showLive(picture, { out, env })
    },
    refresh: () => live?.refresh(),
    clear() {
      signal.removeEventListener('abort', onStop)
      live?.stop()
      live = undefined
    },
  }
}
