import { expect, it } from 'vitest'
import { isConflict, isNotAsPrepared } from '../../src/kysely/database-errors.ts'

const failure = (code: string, message: string, routine: string) =>
  Object.assign(new Error(message), { code, routine })

it.each([
  ['forgotten', failure('26000', 'prepared statement "a" does not exist', 'FetchPreparedStatement')],
  ['there already', failure('42P05', 'prepared statement "a" already exists', 'StorePreparedStatement')],
  ['of a table that changed', failure('0A000', 'der Plan darf das nicht', 'RevalidateCachedQuery')],
  ['of one in CockroachDB', failure('0A000', 'cached plan must not change result type', 'verify')],
])('a prepared statement that is %s is not as prepared, and its transaction is run again', (_, error) => {
  expect(isNotAsPrepared(error)).toBe(true)
  expect(isConflict(new Error('around it', { cause: error }))).toBe(true)
})

it('what a database does not know to do is no such thing', () => {
  const error = failure('0A000', 'MERGE is not supported', 'transformMergeStmt')
  expect([isNotAsPrepared(error), isConflict(error)]).toEqual([false, false])
})
