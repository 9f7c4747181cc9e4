import { BackfillError } from '../errors.ts'

/** The reason of a run that its consumer left. */
const LEFT = Symbol('left')

/**
 * Work that goes on while its consumer iterates over what it has done. Nothing starts before the first `next()`, and there is
 * one way to stop: leave the loop, or abort the signal that it was made with. It runs once: iterated again after its end, it
 * throws a `BackfillError` with the code `RUN_ENDED`.
 */
export interface Run<Event, Summary> extends AsyncGenerator<Event, Summary, void> {
  /** Runs to the end without looking at the events. */
  run(): Promise<Summary>
  /** Ends the run, as leaving the loop does. */
  return(value?: Summary | PromiseLike<Summary>): Promise<IteratorResult<Event, Summary>>
  /** Ends the run, as leaving the loop does: for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * @param events the work itself; it ends, with what it has come to, once `stop` aborts
 * @param summary what a run that is left has come to; kept up to date by `events`
 */
export function createRun<Event, Summary>(
  events: AsyncGenerator<Event, Summary, void>,
  stop: AbortController,
  summary: Summary,
): Run<Event, Summary> {
  let outcome: Summary | undefined
  let hasEnded = false
  return {
    async next() {
      try {
        const result = await events.next()
        hasEnded ||= result.done === true
        if (result.done) outcome ??= result.value
        return result
      } catch (error) {
        hasEnded = true
        throw error
      }
    },
    return(value) {
      hasEnded = true
      stop.abort(LEFT)
      return events.return(value ?? summary)
    },
    throw(error) {
      hasEnded = true
      stop.abort(LEFT)
      return events.throw(error)
    },
    async run() {
      while (!(await this.next()).done);
      if (outcome === undefined) throw endedError()
      return outcome
    },
    async [Symbol.asyncDispose]() {
      await this.return()
    },
    [Symbol.asyncIterator]() {
      if (hasEnded) throw endedError()
      return this
    },
  }
}

/** For a run that has ended and is iterated again: an empty loop would be taken for a complete one. */
export function endedError(): BackfillError {
  return new BackfillError(
    'RUN_ENDED',
    'A run can be iterated once, and this one has ended. Create a new one.',
  )
}

/** Whether a run ends because its consumer left it, which is no failure. */
export function isLeft(stop: AbortSignal): boolean {
  return stop.reason === LEFT
}
