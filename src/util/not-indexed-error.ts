import { BackfillError } from '../errors.ts'

/** There is no index by DID, or it is not finished; without it, the answer would take a look at every pair. */
export class NotIndexedError extends BackfillError {
  override readonly name = 'NotIndexedError'
  declare readonly code: 'NOT_INDEXED'

  /** @param remedy what builds it, in a sentence */
  constructor(remedy: string) {
    super('NOT_INDEXED', `The index by DID is missing or not finished. ${remedy}`)
  }
}
