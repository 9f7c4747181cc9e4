import { MAX_TIMER_MS } from './validate-options.ts'

/**
 * Resolves after `ms` milliseconds; rejects with the signal's own reason as soon as that aborts.
 *
 * @param keepsAlive whether a process goes on for its sake that has nothing else to do
 */
export async function sleep(
  ms: number,
  signal?: AbortSignal,
  { keepsAlive = true }: { keepsAlive?: boolean } = {},
): Promise<void> {
  const end = performance.now() + ms
  for (let left = ms; left > 0; left = end - performance.now()) {
    const wait = Promise.withResolvers<void>()
    const timer = setTimeout(wait.resolve, Math.min(left, MAX_TIMER_MS))
    if (!keepsAlive) timer.unref?.()
    try {
      await abortable(wait.promise, signal)
    } finally {
      clearTimeout(timer)
    }
  }
  signal?.throwIfAborted()
}

/**
 * The promise, or the signal's reason once that has aborted and `graceMs` more have passed: for work that cannot be
 * stopped itself, or that may not listen. What the promise comes to afterwards is dropped.
 */
export async function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  graceMs = 0,
): Promise<T> {
  if (signal === undefined) return promise
  const aborted = Promise.withResolvers<never>()
  let timer: ReturnType<typeof setTimeout> | undefined
  const onAbort = () => {
    if (graceMs === 0) aborted.reject(signal.reason)
    else timer = setTimeout(() => aborted.reject(signal.reason), graceMs)
  }
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

/** The promise, or nothing when it takes longer than `ms`, or fails: for tidying up that must not hold anybody. */
export async function settledWithin(ms: number, promise: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, ms)
  try {
    await Promise.race([
      promise.then(
        () => {},
        () => {},
      ),
      late.promise,
    ])
  } finally {
    clearTimeout(timer)
  }
}

/** The promise, or the error when it takes longer than `ms`. What the promise comes to afterwards is dropped. */
export async function withDeadline<T>(promise: Promise<T>, ms: number, late: () => Error): Promise<T> {
  const { promise: deadline, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(late()), ms)
  try {
    return await Promise.race([promise, deadline])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * A controller whose signal any number of waits may listen to at once. There are some for each walk under way, and Node
 * 22.12 warns of a leak where a signal has more than ten listeners.
 */
export function createController(): AbortController {
  const controller = new AbortController()
  globalThis.process?.getBuiltinModule?.('events')?.setMaxListeners(0, controller.signal)
  return controller
}

/**
 * A controller that also aborts when its parent does. Abort it when done: a parent that lives on keeps a listener till
 * then.
 */
export function childController(parent: AbortSignal | undefined): AbortController {
  const child = createController()
  abortWith(parent, child)
  return child
}

/** From now on the controller aborts when the parent does, for the same reason. Abort it when done, as above. */
export function abortWith(parent: AbortSignal | undefined, child: AbortController): void {
  const onAbort = () => child.abort(parent?.reason)
  if (parent?.aborted) onAbort()
  else parent?.addEventListener('abort', onAbort, { once: true, signal: child.signal })
}

/** Spreads those who were refused together: never shorter than `ms`, up to half of `spread` longer. */
export function withJitter(ms: number, spread: number = ms): number {
  return Math.ceil(ms + (Math.random() * spread) / 2)
}
