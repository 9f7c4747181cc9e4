import { abortable, settledWithin } from './abort.ts'

/** How long streams may take to finish what they hold once they are told to, in milliseconds. */
export const CLOSE_MS = 800

type Arrival<T> =
  | { stream: AsyncGenerator<T, void, void>; result: IteratorResult<T, void> }
  | { error: unknown }

/**
 * Interleaves streams in the order in which their items come. Each is pulled one item ahead of the consumer and no
 * further, so a slow consumer slows them all. Leaving the loop, an error of one stream, or the signal ends them all:
 * the signal does so at once, also when nobody asks for the next item.
 */
export async function* merge<T>(
  streams: readonly AsyncGenerator<T, void, void>[],
  stop: AbortController,
): AsyncGenerator<T, void, void> {
  const arrived: Arrival<T>[] = []
  let wake = () => {}
  const arrive = (arrival: Arrival<T>) => {
    arrived.push(arrival)
    wake()
  }
  const pull = (stream: AsyncGenerator<T, void, void>) => {
    stream.next().then(
      (result) => arrive({ stream, result }),
      (error) => arrive({ error }),
    )
  }
  const endAll = () => Promise.allSettled(streams.map((stream) => stream.return()))
  stop.signal.addEventListener('abort', endAll, { once: true })
  let open = streams.length
  try {
    streams.forEach(pull)
    while (open > 0) {
      stop.signal.throwIfAborted()
      const arrival = arrived.shift()
      if (arrival === undefined) {
        const { promise, resolve } = Promise.withResolvers<void>()
        wake = resolve
        await abortable(promise, stop.signal)
      } else if ('error' in arrival) {
        throw arrival.error
      } else if (arrival.result.done) {
        open -= 1
      } else {
        pull(arrival.stream)
        yield arrival.result.value
      }
    }
  } finally {
    stop.signal.removeEventListener('abort', endAll)
    if (open > 0) {
      stop.abort()
      await settledWithin(CLOSE_MS, endAll())
    }
  }
}
