import { describe, expect, it } from 'vitest'
import { isConflict, toStoreError } from '../../src/kysely/database-errors.ts'

function failure(message: string, fields: object): Error {
  return Object.assign(new Error(message), fields)
}

describe('a connection that is gone is a store that is unavailable, in the words of', () => {
  it.each([
    ['postgres.js', 'CONNECTION_CLOSED'],
    ['postgres.js', 'CONNECTION_ENDED'],
    ['postgres.js', 'CONNECTION_DESTROYED'],
    ['postgres.js', 'CONNECT_TIMEOUT'],
    ["Bun's SQL", 'ERR_POSTGRES_CONNECTION_CLOSED'],
    ["Bun's SQL", 'ERR_POSTGRES_CONNECTION_TIMEOUT'],
    ["Bun's SQL", 'ERR_POSTGRES_IDLE_TIMEOUT'],
    ["Bun's SQL", 'ERR_POSTGRES_LIFETIME_TIMEOUT'],
  ])('%s: %s', (_, code) => {
    const lost = failure(`write ${code} 127.0.0.1:5432`, { code })
    expect(toStoreError(lost)).toMatchObject({ code: 'STORE_UNAVAILABLE', cause: lost })
  })

  it.each([
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'CERT_HAS_EXPIRED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_SSL_WRONG_VERSION_NUMBER',
  ])('TLS, which is mended at the server: %s', (code) => {
    expect(toStoreError(failure('TLS failed', { code }))).toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  it.each([
    ['XX000', 'failure on connection marked as essential: worker1:5432'],
    ['XX000', 'failed to COPY to shard 102008 on worker1:5432'],
    ['XX000', 'connection to the remote node worker1:5432 failed with the following error: timeout'],
  ])('Citus: %s, %s', (code, message) => {
    expect(toStoreError(failure(message, { code }))).toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })
})

describe('an error of the server that comes through Bun’s SQL', () => {
  const server = (errno: string) =>
    failure('as the server says', { code: 'ERR_POSTGRES_SERVER_ERROR', errno })

  it('is known by its SQLSTATE', () => {
    expect(isConflict(server('40001'))).toBe(true)
    expect(toStoreError(server('57P01'))).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(toStoreError(server('42P01'))).toMatchObject({ code: 'NOT_MIGRATED' })
  })

  it('stays as it is when it would come again', () => {
    const error = server('22001')
    expect(toStoreError(error)).toBe(error)
  })
})

it('an error that would come again stays as it is', () => {
  const error = failure('internal error: wrong magic', { code: 'XX000' })
  expect(toStoreError(error)).toBe(error)
  const syntax = failure('syntax error', { code: 'ERR_POSTGRES_SYNTAX_ERROR' })
  expect(toStoreError(syntax)).toBe(syntax)
})
