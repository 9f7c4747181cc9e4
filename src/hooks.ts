import type { BackfillHooks } from './events.ts'

/** As an object, so that a hook which is missing here is a type error. */
const HOOKS: Record<keyof BackfillHooks, true> = {
  discovered: true,
  sourceFailed: true,
  retry: true,
  requested: true,
  committed: true,
  collectionStarted: true,
  collectionCompleted: true,
  collectionFailed: true,
  claimLost: true,
  storeUnavailable: true,
}

export const HOOK_NAMES: readonly (keyof BackfillHooks)[] = Object.keys(HOOKS) as (keyof BackfillHooks)[]

/** Hooks that tell each of several listeners, in their order: a monitor, metrics and a log beside each other. */
export function combineHooks(...listeners: readonly BackfillHooks[]): BackfillHooks {
  const combined = HOOK_NAMES.flatMap((name) => {
    const interested = listeners.filter((hooks) => hooks[name] !== undefined)
    const tell = (context: never) => {
      const results: unknown[] = interested.map((hooks) => hooks[name]?.(context))
      const promises = results.filter((result) => result instanceof Promise)
      // One that rejects must be noticed, as that of a single hook is.
      return promises.length === 0 ? undefined : Promise.all(promises)
    }
    return interested.length === 0 ? [] : [[name, tell] as const]
  })
  return Object.fromEntries(combined)
}

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
  const given = HOOK_NAMES.flatMap((name) => {
    const hook = hooks[name]
    return hook === undefined ? [] : [[name, guard(hook)] as const]
  })
  return Object.fromEntries(given)
}
