import type { BackfillHooks } from './events.ts'

const NAMES = [
  'discovered',
  'sourceFailed',
  'retry',
  'requested',
  'committed',
  'collectionStarted',
  'collectionCompleted',
  'collectionFailed',
  'claimLost',
  'storeUnavailable',
] as const satisfies readonly (keyof BackfillHooks)[]

/** The hooks, so that one which throws, or returns a promise that rejects, ends the run with that error. */
export function guardHooks(hooks: BackfillHooks, stop: AbortController): BackfillHooks {
  const guard = (hook: (context: never) => unknown) => (context: never) => {
    try {
      const result = hook.call(hooks, context)
      if (result instanceof Promise) result.catch((error) => stop.abort(error))
    } catch (error) {
      stop.abort(error)
      throw error
    }
  }
  // By name, so that hooks may be the methods of a class.
  const given = NAMES.flatMap((name) => {
    const hook = hooks[name]
    return hook === undefined ? [] : [[name, guard(hook)] as const]
  })
  return Object.fromEntries(given)
}
