import { describe, expect, it } from 'vitest'
import { RelayError } from '../../src/index.ts'
import { isProgrammingError } from '../../src/util/programming-error.ts'
import { startServer } from '../support/http-server.ts'

const thrownBy = async (operation: () => unknown) => {
  try {
    await operation()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

describe('a programming error', () => {
  it.each([
    ['a TypeError', () => (undefined as unknown as { dids: string[] }).dids],
    ['a ReferenceError', () => Function('return notDefined')()],
    ['a SyntaxError', () => Function('return +')()],
    ['a RangeError', () => new Array(-1)],
  ])('is %s of a program', async (_, mistake) => {
    expect(isProgrammingError(await thrownBy(mistake))).toBe(true)
  })

  it('is no server that cannot be reached, though fetch throws a TypeError', async () => {
    await using server = await startServer((request) => request.socket.destroy())
    const error = await thrownBy(() => fetch(server.origin))
    expect(error).toBeInstanceOf(TypeError)
    expect(isProgrammingError(error)).toBe(false)
  })

  it('is no answer that breaks off, though its body throws a TypeError', async () => {
    await using server = await startServer((request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('cut sh', () => request.socket.destroy())
    })
    const error = await thrownBy(async () => (await fetch(server.origin)).text())
    expect(error).toBeInstanceOf(TypeError)
    expect(isProgrammingError(error)).toBe(false)
  })

  it.each(['', '<html>', '{"repos":[', '{"a":1}}', '{a:1}', '{"a":undefined}', '["\n"]', '\\'])(
    'is no answer that is not JSON: %j',
    async (text) => {
      const error = await thrownBy(() => JSON.parse(text))
      expect(error).toBeInstanceOf(SyntaxError)
      expect(isProgrammingError(error)).toBe(false)
    },
  )

  it('is no other error, and nothing that is no error', () => {
    const errors = [
      new Error('no'),
      new RelayError('RELAY_STATUS', 'no', { relay: 'relay.test' }),
      'no',
      undefined,
    ]
    expect(errors.filter(isProgrammingError)).toEqual([])
  })
})
