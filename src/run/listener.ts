/** A listener which, when it throws or returns a promise that rejects, ends the run with that error. */
export function guardListener<Event>(
  listener: (event: Event) => unknown,
  stop: AbortController,
): (event: Event) => void {
  return (event) => {
    try {
      const result = listener(event)
      if (isThenable(result)) Promise.resolve(result).catch((error) => stop.abort(error))
    } catch (error) {
      stop.abort(error)
      throw error
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
