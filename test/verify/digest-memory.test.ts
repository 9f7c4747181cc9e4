import { expect, it } from 'vitest'
import { createDigestMemory } from '../../src/verify/digest-memory.ts'

const LIMIT = 1_100
const { signal } = new AbortController()

it('collections that fit together share the memory, and one that does not waits, in turn', async () => {
  const memory = createDigestMemory(LIMIT)
  const entered: string[] = []
  const share = async (name: string, repos: number | undefined) => {
    const own = await memory.share(repos, signal)
    entered.push(name)
    return own
  }
  const [a, b] = await Promise.all([share('a', 40), share('b', 50)])
  const c = share('c', 30)
  const d = share('d', 1)
  await Promise.resolve()
  expect(entered).toEqual(['a', 'b'])
  a?.[Symbol.dispose]()
  await Promise.all([c, d])
  expect(entered).toEqual(['a', 'b', 'c', 'd'])
  b?.[Symbol.dispose]()
})

it.each([
  ['one of unknown size', undefined],
  ['one larger than all of it', 1_000_000],
])('%s is alone', async (_, repos) => {
  const memory = createDigestMemory(LIMIT)
  const small = await memory.share(1, signal)
  let isIn = false
  const large = memory.share(repos, signal).then((share) => {
    isIn = true
    return share
  })
  await Promise.resolve()
  expect(isIn).toBe(false)
  small[Symbol.dispose]()
  expect((await large).fits(LIMIT)).toBe(true)
})

it('what was told too small counts all the same, and is given up with its share', async () => {
  const memory = createDigestMemory(LIMIT)
  const [a, b] = await Promise.all([memory.share(1, signal), memory.share(1, signal)])
  expect(a.fits(LIMIT)).toBe(true)
  expect(b.fits(1)).toBe(false)
  expect(b.fits(0)).toBe(true)
  a[Symbol.dispose]()
  expect(b.fits(LIMIT)).toBe(true)
  expect(b.fits(LIMIT + 1)).toBe(false)
})

it('a wait that is aborted ends with the reason, and holds up none behind it', async () => {
  const memory = createDigestMemory(LIMIT)
  const first = await memory.share(60, signal)
  const stop = new AbortController()
  const large = memory.share(undefined, stop.signal)
  const behind = memory.share(1, signal)
  stop.abort(new Error('enough'))
  await expect(large).rejects.toThrow('enough')
  expect((await behind).fits(1)).toBe(true)
  first[Symbol.dispose]()
})
