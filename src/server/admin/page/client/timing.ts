/** Draws once before the next frame, however often it is asked for. */
export function perFrame(draw: () => void): () => void {
  let isAsked = false
  return () => {
    if (isAsked) return
    isAsked = true
    requestAnimationFrame(() => {
      isAsked = false
      draw()
    })
  }
}

/** Runs at most once in `ms` milliseconds: at once, and again at the end where it was asked for meanwhile. */
export function atMostEvery(ms: number, run: () => void): () => void {
  let isWaiting = false
  let isAsked = false
  const again = () => {
    isWaiting = false
    if (isAsked) start()
  }
  const start = () => {
    isAsked = false
    isWaiting = true
    setTimeout(again, ms)
    run()
  }
  return () => {
    if (isWaiting) isAsked = true
    else start()
  }
}
