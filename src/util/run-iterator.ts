import { BackfillError } from '../errors.ts'
import { MAX_TIMER_MS } from './validate-options.ts'

/** The reason of a run that its consumer left. */
const LEFT = Symbol('left')

/**
 * Work that is done while a loop takes what it has done. Nothing starts before the first `next()`, and there is one way
 * to stop: leave the loop, or abort the signal that it was made with.
 *
 * It can be iterated once: a second loop, or `run()` after or beside one, is an error with the code `RUN_ENDED`.
 * `next()` by hand may come before either, and after the end it is done again, as with any generator.
 */
export interface Run<Event, Summary> extends AsyncGenerator<Event, Summary, void> {
  /** What the run has done so far. */
  readonly summary: Summary
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
  let taken = false
  let ended = false
  /** Lets one loop have the events. */
  const take = () => {
    if (taken || ended) throw usedError()
    taken = true
  }
  const run: Run<Event, Summary> = {
    summary,
    async next() {
      // What a run does between two looks keeps no process alive, so that one whose consumer never comes back can end.
      const waiting = setInterval(() => {}, MAX_TIMER_MS)
      try {
        const result = await events.next()
        ended ||= result.done === true
        return result
      } catch (error) {
        ended = true
        throw error
      } finally {
        clearInterval(waiting)
      }
    },
    return(value) {
      ended = true
      stop.abort(LEFT)
      return events.return(value ?? summary)
    },
    async throw(error) {
      await run.return()
      throw error
    },
    async run() {
      take()
      for (;;) {
        const { done, value } = await run.next()
        if (done) return value ?? summary
      }
    },
    async [Symbol.asyncDispose]() {
      await run.return()
    },
    [Symbol.asyncIterator]() {
      take()
      return run
    },
  }
  return run
}

/** For a run that is iterated again: an empty loop would be taken for a complete one. */
export function usedError(): BackfillError {
  return new BackfillError('RUN_ENDED', 'A run can be iterated once, and this one was. Create a new one.')
}

/** Whether a run ends because its consumer left it, which is no failure. */
export function isLeft(stop: AbortSignal): boolean {
  return stop.reason === LEFT
}
