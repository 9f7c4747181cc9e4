import { describe, expect, test } from 'vitest'
import { parseAccount, parseAccountPage } from '../../src/relay/account-page.ts'

const asked = {
  relay: 'relay.example',
  url: new URL('https://relay.example/'),
  collection: undefined,
  cursor: undefined,
}
const A = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
const B = 'did:web:b.example'

describe('a page of accounts', () => {
  test('gives them in their order, with what the server says of them', () => {
    const repos = [
      { did: B, head: 'bafy', rev: '3k', active: true },
      { did: A, active: false, status: 'takendown', more: 1 },
    ]
    const { accounts, cursor, invalid } = parseAccountPage(JSON.stringify({ repos, cursor: '17' }), asked)
    expect(accounts).toMatchObject([
      { did: B, head: 'bafy', rev: '3k', active: true },
      { did: A, active: false, status: 'takendown' },
    ])
    expect({ cursor, invalid }).toEqual({ cursor: '17', invalid: 0 })
  })

  test('drops and counts what has no DID, and what is no state', () => {
    const repos = [{ did: 'alice' }, null, { did: A, active: 'yes', status: 7 }]
    expect(parseAccountPage(JSON.stringify({ repos }), asked)).toEqual({
      accounts: [{ did: A, active: undefined, status: undefined, rev: undefined, head: undefined }],
      invalid: 2,
    })
  })

  test('may hold nothing but an entry whose did is no DID, as a list may end', () => {
    const text = JSON.stringify({ repos: [{ did: 'alice' }] })
    expect(parseAccountPage(text, asked)).toEqual({ accounts: [], invalid: 1 })
  })

  test.each(['{}', '{"repos":{}}', '{"repos":[{"name":"a"}]}', 'nothing'])('%s is no page', (text) => {
    expect(() => parseAccountPage(text, asked)).toThrow(expect.objectContaining({ code: 'RELAY_BAD_ANSWER' }))
  })

  test('the answer for one account is about that account', () => {
    const text = JSON.stringify({ did: A, active: false, status: 'deleted' })
    expect(parseAccount(text, A, asked)).toMatchObject({ did: A, active: false, status: 'deleted' })
    expect(() => parseAccount(text, B, asked)).toThrow(expect.objectContaining({ code: 'RELAY_BAD_ANSWER' }))
  })
})
