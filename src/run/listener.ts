/** A listener which, when it throws or returns a promise that rejects, ends the run with that error. */
export function guardListener<Event>(
  listener: (event: Event) => unknown,
  stop: AbortController,
): (event: Event) => void {
  return (event) => {
    try {
      const result = listener(event)
      if (result instanceof Promise) result.catch((error) => stop.abort(error))
    } catch (error) {
      stop.abort(error)
      throw error
    }
  }
}
