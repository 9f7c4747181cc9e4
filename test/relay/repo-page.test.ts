import { describe, expect, test } from 'vitest'
import type { RelayError } from '../../src/errors.ts'
import { parseRepoPage } from '../../src/relay/repo-page.ts'

const asked = {
  relay: 'relay.example',
  url: new URL('https://relay.example/'),
  collection: 'com.example.thing',
  cursor: 'c1',
}
const A = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
const B = 'did:web:b.example'

function badPage(text: string): RelayError {
  try {
    parseRepoPage(text, asked)
  } catch (error) {
    return error as RelayError
  }
  throw new Error('the page was taken')
}

describe('a page', () => {
  test('gives the DIDs in their order, repeats included, and the cursor', () => {
    const text = JSON.stringify({ repos: [{ did: B }, { did: A }, { did: B }], cursor: '+/=' })
    expect(parseRepoPage(text, asked)).toEqual({ dids: [B, A, B], cursor: '+/=', invalid: 0 })
  })

  test.each(['{"repos":[]}', '{"repos":[],"cursor":null}', '{"repos":[],"cursor":""}'])(
    '%s is the last',
    (text) => {
      const page = parseRepoPage(text, asked)
      expect(page).toEqual({ dids: [], invalid: 0 })
      expect(page).not.toHaveProperty('cursor')
    },
  )

  test('may be empty and still not the last', () => {
    expect(parseRepoPage('{"repos":[],"cursor":"c2"}', asked)).toEqual({
      dids: [],
      cursor: 'c2',
      invalid: 0,
    })
  })

  test('may have more fields than those known', () => {
    const text = JSON.stringify({ repos: [{ did: A, rev: '3k' }], total: 1 })
    expect(parseRepoPage(text, asked)).toEqual({ dids: [A], invalid: 0 })
  })

  test('may have a cursor of 4,096 characters', () => {
    const cursor = 'c'.repeat(4096)
    expect(parseRepoPage(JSON.stringify({ repos: [], cursor }), asked).cursor).toBe(cursor)
  })
})

describe('an entry that is no DID is counted as invalid, and the rest is taken', () => {
  test.each([
    ['wrong syntax', '{"did":"plc:abc"}'],
    ['a handle', '{"did":"alice.example"}'],
    ['an empty string', '{"did":""}'],
    ['a NUL', '{"did":"did:plc:a\\u0000b"}'],
    ['a line feed at the end', '{"did":"did:plc:abc\\n"}'],
    ['3,000 characters', `{"did":"did:plc:${'a'.repeat(3000)}"}`],
    ['a number', '{"did":7}'],
    ['a list of DIDs', `{"did":["${A}"]}`],
    ['no did', '{}'],
    ['a DID in __proto__', `{"__proto__":{"did":"${A}"}}`],
    ['null', 'null'],
    ['a bare string', `"${A}"`],
    ['a list', `["${A}"]`],
  ])('%s', (_, entry) => {
    const text = `{"repos":[{"did":"${A}"},${entry},{"did":"${B}"}],"cursor":"c2"}`
    expect(parseRepoPage(text, asked)).toEqual({ dids: [A, B], cursor: 'c2', invalid: 1 })
    const alone = `{"repos":[${entry},${entry}],"cursor":"c2"}`
    if (entry.startsWith('{"did"')) {
      expect(parseRepoPage(alone, asked)).toEqual({ dids: [], cursor: 'c2', invalid: 2 })
    } else {
      const message = expect.stringContaining('2 entries, none of them with a did')
      expect(badPage(alone)).toMatchObject({ code: 'RELAY_BAD_ANSWER', message })
    }
  })

  test('a DID of 2,048 characters, the longest, is one', () => {
    const did = `did:plc:${'a'.repeat(2040)}`
    expect(parseRepoPage(JSON.stringify({ repos: [{ did }] }), asked)).toEqual({ dids: [did], invalid: 0 })
  })
})

describe('a malformed answer is an error that may pass, and never the end of the list', () => {
  test.each([
    ['nothing', '', 'not JSON'],
    ['HTML', '<html><body>Welcome</body></html>', 'not JSON'],
    ['JSON cut in half', `{"repos":[{"did":"${A}"},{"did":"did:pl`, 'not JSON'],
    ['null', 'null', 'not a JSON object'],
    ['a string', '"repos"', 'not a JSON object'],
    ['a list', '[]', 'no list of repos'],
    ['an error with status 200', '{"error":"Oops"}', 'no list of repos'],
    ['repos null', '{"repos":null}', 'no list of repos'],
    ['repos an object', `{"repos":{"0":{"did":"${A}"},"length":1}}`, 'no list of repos'],
    ['repos in __proto__', `{"__proto__":{"repos":[]}}`, 'no list of repos'],
    ['a numeric cursor', '{"repos":[],"cursor":7}', 'cursor that is not a string'],
    ['the cursor false', '{"repos":[],"cursor":false}', 'cursor that is not a string'],
    ['the cursor 0', '{"repos":[],"cursor":0}', 'cursor that is not a string'],
    ['a list as cursor', '{"repos":[],"cursor":["c"]}', 'cursor that is not a string'],
    ['a cursor of 1 MB', `{"repos":[],"cursor":"${'c'.repeat(1_000_000)}"}`, 'cursor of 1000000 characters'],
    ['a NUL in the cursor', '{"repos":[],"cursor":"a\\u0000"}', 'cannot be stored'],
    ['half a surrogate pair in the cursor', '{"repos":[],"cursor":"a\\ud83e"}', 'cannot be stored'],
  ])('%s', (_, text, problem) => {
    const error = badPage(text)
    expect(error).toMatchObject({
      name: 'RelayError',
      code: 'RELAY_BAD_ANSWER',
      retryable: true,
      relay: 'relay.example',
      collection: 'com.example.thing',
      cursor: 'c1',
    })
    expect(error.message).toMatch(/^relay\.example answered a page of com\.example\.thing that /)
    expect(error.message).toContain(problem)
    expect(error.message.length).toBeLessThan(400)
  })
})

describe('an entry of an account that is gone is left out, and counted', () => {
  const page = (...entries: object[]) => parseRepoPage(JSON.stringify({ repos: entries }), asked)

  test.each(['deleted', 'takendown'])('%s', (status) => {
    const gone = { did: A, active: false, status }
    expect(page(gone, { did: B })).toEqual({ dids: [B], invalid: 0, inactive: 1 })
    expect(page(gone)).toEqual({ dids: [], invalid: 0, inactive: 1 })
    expect(page({ did: A, status })).toEqual({ dids: [], invalid: 0, inactive: 1 })
  })

  test.each([
    { active: true, status: 'deleted' },
    { active: false },
    { active: false, status: 'deactivated' },
    { active: false, status: 'suspended' },
    { active: false, status: 'desynchronized' },
    { active: 'no', status: 7 },
  ])('%j keeps its pair', (state) => {
    expect(page({ did: A, ...state })).toEqual({ dids: [A], invalid: 0 })
  })
})
