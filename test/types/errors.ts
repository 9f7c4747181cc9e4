import {
  BackfillError,
  type BackfillErrorCode,
  type ClaimLostError,
  isBackfillError,
  type RelayError,
} from 'atproto-collection-backfill'
import { assertType, type Same } from './assert-type.ts'

/** A code of this library narrows to the class that carries it. */
export function narrowed(error: unknown): unknown {
  if (isBackfillError(error, 'CLAIM_LOST')) {
    assertType<typeof error extends ClaimLostError ? true : false>()
    assertType<Same<typeof error.epoch, number>>()
    // @ts-expect-error: a lost claim has no HTTP status
    return error.status
  }
  if (isBackfillError(error, 'RELAY_STATUS')) {
    assertType<typeof error extends RelayError ? true : false>()
    return error.status
  }
  if (isBackfillError(error)) {
    assertType<Same<typeof error.retryable, boolean>>()
    assertType<Same<typeof error.scope, 'run' | undefined>>()
    return error.code
  }
  // @ts-expect-error: nothing is known of any other error
  return error.code
}

/** Codes of one's own are as good as those of the library. */
export function ownCodes(): BackfillError {
  const error: unknown = new BackfillError('BUCKET_FULL', 'The bucket is full.', {
    retryable: true,
    scope: 'run',
  })
  if (isBackfillError(error, 'BUCKET_FULL')) {
    assertType<Same<typeof error.code, (typeof error)['code'] & 'BUCKET_FULL'>>()
    return error
  }
  // @ts-expect-error: an error concerns the run, or it says nothing
  return new BackfillError('BUCKET_FULL', 'The bucket is full.', { scope: 'collection' })
}

/** An exhaustive table of the library's codes can be written, and does not compile with one that does not exist. */
export const exitCodes: Partial<Record<BackfillErrorCode, number>> = {
  INCOMPLETE: 1,
  INVALID_OPTION: 2,
  // @ts-expect-error: there is no such code
  NOT_COMPLETE: 3,
}
