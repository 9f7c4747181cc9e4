import type { BackfillHooks } from '../contracts/events.ts'

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

/** The hooks, each guarded. */
export function guardHooks(hooks: BackfillHooks, stop: AbortController): BackfillHooks {
  // By name, so that hooks may be the methods of a class.
  const given = HOOK_NAMES.flatMap((name) => {
    const hook: ((context: never) => unknown) | undefined = hooks[name]
    return hook === undefined ? [] : [[name, guardHook(hook.bind(hooks), stop)] as const]
  })
  return Object.fromEntries(given)
}

/** A hook which, when it throws or returns a promise that rejects, ends the run with that error. */
export function guardHook<Context>(
  hook: (context: Context) => unknown,
  stop: AbortController,
): (context: Context) => void {
  return (context) => {
    try {
      const result = hook(context)
      if (result instanceof Promise) result.catch((error) => stop.abort(error))
    } catch (error) {
      stop.abort(error)
      throw error
    }
  }
}
