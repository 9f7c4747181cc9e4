/** Says short sentences to a screen reader, and never more than one in a few seconds. */
export interface Announcer {
  say(sentence: string): void
}

const PAUSE_MS = 2_500

/** What comes while another sentence is being said waits, and is said together. */
export function createAnnouncer(region: HTMLElement): Announcer {
  let waiting: string[] = []
  let timer: ReturnType<typeof setTimeout> | undefined

  function flush(): void {
    timer = undefined
    if (waiting.length === 0) return
    region.textContent = waiting.slice(-3).join(' ')
    waiting = []
    timer = setTimeout(flush, PAUSE_MS)
  }

  return {
    say(sentence) {
      if (waiting.at(-1) !== sentence) waiting.push(sentence)
      if (timer === undefined) flush()
    },
  }
}
