import { MAX_TIMER_MS } from './validate-options.ts'

/** Resolves after `ms` milliseconds; rejects with the signal's own reason as soon as that aborts. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  const end = performance.now() + ms
  for (let left = ms; left > 0; left = end - performance.now()) {
    const wait = Promise.withResolvers<void>()
    const timer = setTimeout(wait.resolve, Math.min(left, MAX_TIMER_MS))
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
export async function within(ms: number, promise: Promise<unknown>): Promise<void> {
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
export async function answered<T>(promise: Promise<T>, ms: number, late: () => Error): Promise<T> {
  const { promise: deadline, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(late()), ms)
  try {
    return await Promise.race([promise, deadline])
  } finally {
    clearTimeout(timer)
  }
}

/** A controller that also aborts when its parent does. Call `unlink` when done: a long-lived parent keeps a listener. */
export function linkedController(parent: AbortSignal | undefined): {
  controller: AbortController
  unlink: () => void
} {
  const controller = new AbortController()
  return { controller, unlink: abortWith(parent, controller) }
}

/** From now on the controller aborts when the signal does. Call what it returns when done, as above. */
export function abortWith(signal: AbortSignal | undefined, controller: AbortController): () => void {
  const onAbort = () => controller.abort(signal?.reason)
  if (signal?.aborted) onAbort()
  else signal?.addEventListener('abort', onAbort, { once: true })
  return () => signal?.removeEventListener('abort', onAbort)
}

/** Spreads those who were refused together: never shorter than `ms`, up to half of `spread` longer. */
export function withJitter(ms: number, spread: number = ms): number {
  return Math.ceil(ms + (Math.random() * spread) / 2)
}
