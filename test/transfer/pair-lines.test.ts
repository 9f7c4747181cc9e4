import { describe, expect, it } from 'vitest'
import { type LineBlock, linesOf } from '../../src/transfer/pair-lines.ts'

async function* pieces(text: string | Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function blocksOf(text: string | Uint8Array, size: number): Promise<LineBlock[]> {
  return Array.fromAsync(linesOf(pieces(text, size), 0))
}

describe('lines', () => {
  const text = 'one\r\ntwo,é😀\n\nfour'

  it.each([1, 2, 3, 5, 100])(
    'are the same in pieces of %i bytes, and each block ends behind its lines',
    async (size) => {
      const blocks = await blocksOf(text, size)
      expect(blocks.flatMap(({ lines }) => lines)).toEqual(['one', 'two,é😀', '', 'four'])
      expect(blocks.at(-1)).toMatchObject({ unterminated: true, end: new TextEncoder().encode(text).length })
      for (const { lines, end } of blocks.slice(0, -1)) {
        const rest = new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, end))
        expect(rest.endsWith('\n')).toBe(true)
        expect(lines.length).toBeGreaterThan(0)
      }
    },
  )

  it('may come as strings', async () => {
    const strings = (async function* () {
      yield 'é,'
      yield 'a\nb'
    })()
    const blocks = await Array.fromAsync(linesOf(strings, 0))
    expect(blocks).toEqual([
      { lines: ['é,a'], end: 5 },
      { lines: ['b'], end: 6, unterminated: true },
    ])
  })

  it.each([1, 30_000, 65_536, 500_000])(
    'that are too long are passed over, in pieces of %i bytes, and the others come',
    async (size) => {
      const long = 'x'.repeat(size === 1 ? 70_000 : 200_000)
      const blocks = await blocksOf(`first\n${long}\nsecond\n${long}`, size)
      expect(blocks.flatMap(({ lines }) => lines)).toEqual(['first', undefined, 'second', undefined])
      expect(blocks.at(-1)?.end).toBe(14 + 2 * long.length)
    },
  )

  it('of 100 MB take the memory of a piece', async () => {
    const piece = new Uint8Array(1 << 20).fill(120)
    let most = 0
    const endless = (async function* () {
      for (let i = 0; i < 100; i += 1) {
        yield piece
        most = Math.max(most, process.memoryUsage().arrayBuffers)
      }
    })()
    const before = process.memoryUsage().arrayBuffers
    expect(await Array.fromAsync(linesOf(endless, 0))).toEqual([
      { lines: [undefined], end: 100 << 20, unterminated: true },
    ])
    expect(most - before).toBeLessThan(20 << 20)
  })

  it.each([1, 2, 10])('of UTF-16 are refused in words, in pieces of %i bytes', async (size) => {
    const utf16 = new Uint8Array([0xff, 0xfe, 100, 0, 10, 0])
    await expect(blocksOf(utf16, size)).rejects.toMatchObject({
      code: 'INPUT_BROKEN',
      message: expect.stringContaining('UTF-16'),
    })
  })

  it('of an empty text are none', async () => {
    expect(await blocksOf('', 1)).toEqual([])
  })
})
