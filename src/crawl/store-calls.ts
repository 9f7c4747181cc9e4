import type { IndexReposEvent } from '../contracts/index-repos-events.ts'
import { isBackfillError } from '../errors.ts'
import { endsRun } from '../run/failure-policy.ts'
import { createOutage } from '../run/patient-store.ts'
import { abortable } from '../util/abort.ts'
import { isFinal, type RetryPolicy, retrying, STORE_PATIENCE } from '../util/retry.ts'

/** Calls to a store, each made again for as long as the store is unavailable, and a few times after other errors. */
export interface StoreCalls {
  make<T>(call: () => Promise<T>): Promise<T>
}

interface StoreCallParts {
  readonly retry: RetryPolicy
  readonly signal: AbortSignal
  emit(event: IndexReposEvent): void
}

export function createStoreCalls({ retry, signal, emit }: StoreCallParts): StoreCalls {
  const isUnavailable = (error: unknown) => isBackfillError(error, 'STORE_UNAVAILABLE')
  const outage = createOutage('', (event) => {
    if (event.type !== 'storeAvailable' && event.type !== 'storeUnavailable') return
    const { relay: _, ...told } = event
    emit(told)
  })
  const patiently = <T>(call: () => Promise<T>) =>
    retrying(() => outage.watch(abortable(call(), signal)), {
      ...STORE_PATIENCE,
      signal,
      mayRetry: isUnavailable,
      onRetry: outage.tell,
    })
  return {
    make: (call) =>
      retrying(() => patiently(call), {
        ...retry,
        signal,
        mayRetry: (error) => !isFinal(error) && !isUnavailable(error) && !endsRun(error),
        onRetry: (context) => emit({ type: 'retry', ...context }),
      }),
  }
}
