import { describe, expect, it } from 'vitest'
import { limitSession, withLimits } from '../../src/postgres/limited-client.ts'

const LIMITS = { statement_timeout: 3, lock_timeout: 2, idle_in_transaction_session_timeout: 1 }
const SET =
  '; set local statement_timeout = 3; set local lock_timeout = 2; set local idle_in_transaction_session_timeout = 1'

/** A connection that notes what it is sent, and fails once with an error where its script has one. */
function connection(failures: Record<string, unknown> = {}, { pipelines = false } = {}) {
  const sent: string[] = []
  const query = withLimits(
    async (sql) => {
      sent.push(sql.replace(SET, ' + limits'))
      const error = failures[sql]
      delete failures[sql]
      if (error !== undefined) throw error
      return `result of ${sql}`
    },
    LIMITS,
    { pipelines },
  )
  return { sent, query: (sql: string) => query(sql, []) }
}

describe('a session gets the limits', () => {
  const session = async (processId: number | null | undefined, answer: () => readonly unknown[]) => {
    const asked: (readonly unknown[])[] = []
    const query = async (_: string, parameters: readonly unknown[]) => {
      asked.push(parameters)
      return { rows: answer() }
    }
    return { isLimited: await limitSession(query, LIMITS, processId), asked }
  }

  it('where the server has the process that it named when the session began', async () => {
    expect(await session(7, () => [1, 2, 3])).toEqual({ isLimited: true, asked: [[7]] })
  })

  it('and not behind a pooler, nor where it cannot be told', async () => {
    const refused = () => {
      throw error('42601')
    }
    expect(await session(7, () => [])).toMatchObject({ isLimited: false })
    expect(await session(7, refused)).toMatchObject({ isLimited: false })
    expect(await session(null, () => [1, 2, 3])).toEqual({ isLimited: false, asked: [] })
    expect(await session(undefined, () => [1, 2, 3])).toEqual({ isLimited: false, asked: [] })
  })
})

const error = (code: string) => Object.assign(new Error(code), { code })

describe('with limits', () => {
  it('a statement that stands alone gets a transaction of its own', async () => {
    const { sent, query } = connection()
    expect(await query('select 1')).toBe('result of select 1')
    expect(await query('update it')).toBe('result of update it')
    const alone = (sql: string) => ['begin + limits', sql, 'commit']
    expect(sent).toEqual([...alone('select 1'), ...alone('update it')])
  })

  it.each(['begin', 'start transaction isolation level serializable', 'BEGIN'])(
    'a transaction begins with them: %s',
    async (begin) => {
      const { sent, query } = connection()
      const statements = ['select 1', 'rollback to savepoint a', 'select 2', 'commit']
      for (const sql of [begin, ...statements, 'select 3']) await query(sql)
      expect(sent).toEqual([`${begin} + limits`, ...statements, 'begin + limits', 'select 3', 'commit'])
    },
  )

  it('what fails alone is rolled back, and fails with its own error', async () => {
    const { sent, query } = connection({ 'select 1': error('22012'), rollback: error('08006') })
    await expect(query('select 1')).rejects.toThrow('22012')
    expect(sent).toEqual(['begin + limits', 'select 1', 'rollback'])
  })

  it('what fails in a transaction is for its owner to roll back, a commit too', async () => {
    const { sent, query } = connection({ 'select 1': error('22012'), commit: error('40001') })
    await query('begin')
    await expect(query('select 1')).rejects.toThrow('22012')
    await expect(query('commit')).rejects.toThrow('40001')
    await query('rollback')
    expect(sent).toEqual(['begin + limits', 'select 1', 'commit', 'rollback'])
  })

  it('a transaction that does not begin is rolled back, since it may have begun', async () => {
    const { sent, query } = connection({ [`begin${SET}`]: error('42704') })
    await expect(query('begin')).rejects.toThrow('42704')
    await query('select 1')
    expect(sent).toEqual(['begin + limits', 'rollback', 'begin + limits', 'select 1', 'commit'])
  })

  it('what must stand alone does, and nothing of it is lost', async () => {
    const { sent, query } = connection({ vacuum: error('25001') })
    expect(await query('vacuum')).toBe('result of vacuum')
    expect(sent).toEqual(['begin + limits', 'vacuum', 'rollback', 'vacuum'])
  })

  it('a statement that ran out of time is not waited for once more', async () => {
    const { sent, query } = connection({ 'select 1': new Error('Query read timeout') })
    await expect(query('select 1')).rejects.toThrow('Query read timeout')
    expect(sent).toEqual(['begin + limits', 'select 1'])
  })

  describe('on a connection that sends before it is answered', () => {
    const pipelined = (failures: Record<string, unknown> = {}) => connection(failures, { pipelines: true })

    it('a statement that stands alone leaves together with the transaction around it', async () => {
      const answers: (() => void)[] = []
      const sent: string[] = []
      const query = withLimits(
        (sql) => {
          sent.push(sql.replace(SET, ' + limits'))
          return new Promise((resolve) => answers.push(() => resolve(`result of ${sql}`)))
        },
        LIMITS,
        { pipelines: true },
      )
      const answer = query('select 1', [])
      expect(sent).toEqual(['begin + limits', 'select 1', 'commit'])
      for (const give of answers) give()
      expect(await answer).toBe('result of select 1')
    })

    it('what fails is rolled back by the commit behind it, and fails with the first error', async () => {
      const { sent, query } = pipelined({ 'select 1': error('22012') })
      await expect(query('select 1')).rejects.toThrow('22012')
      expect(sent).toEqual(['begin + limits', 'select 1', 'commit'])
      const refused = pipelined({ [`begin${SET}`]: error('42704'), 'select 1': error('25P02') })
      await expect(refused.query('select 1')).rejects.toThrow('42704')
      const uncommitted = pipelined({ commit: error('40001') })
      await expect(uncommitted.query('select 1')).rejects.toThrow('40001')
    })

    it('what must stand alone does, and a transaction goes step by step', async () => {
      const { sent, query } = pipelined({ vacuum: error('25001') })
      expect(await query('vacuum')).toBe('result of vacuum')
      for (const sql of ['begin', 'select 1', 'commit']) await query(sql)
      expect(sent).toEqual([
        ...['begin + limits', 'vacuum', 'commit', 'vacuum'],
        ...['begin + limits', 'select 1', 'commit'],
      ])
    })
  })
})
