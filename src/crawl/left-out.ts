import { BackfillError, isBackfillError } from '../errors.ts'

/** A reason that a row keeps begins so where its host is not crawled, rather than failed. */
const LEFT_OUT = 'left out: '

/** A host that turns out to be none to be crawled. */
export function leftOutError(reason: string): BackfillError {
  return new BackfillError('HOST_LEFT_OUT', `${LEFT_OUT}${reason}`)
}

/** Why a host is not crawled; nothing for another error. */
export function leftOutReason(error: unknown): string | undefined {
  return isBackfillError(error, 'HOST_LEFT_OUT') ? error.message.slice(LEFT_OUT.length) : undefined
}

/** Whether a row that failed is one of a host that is not crawled. */
export function isLeftOut({ state, lastError }: { state: string; lastError?: string | undefined }): boolean {
  return state === 'failed' && lastError !== undefined && lastError.startsWith(LEFT_OUT)
}
