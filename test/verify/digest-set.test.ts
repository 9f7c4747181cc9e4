import { describe, expect, it } from 'vitest'
import { didsFrom } from '../../src/testing/suites/samples.ts'
import { digester, digestSet, EVERYTHING, halves, isIn, type Share } from '../../src/verify/digest-set.ts'

const DIDS = didsFrom(0, 100_000)

describe('digests', () => {
  it('are whole numbers from 1 to 2^53 - 1 in one of 1024 buckets, the same for the same DID and seed', () => {
    const digest = digester(7)
    for (const did of [...DIDS.slice(0, 1_000), '', 'did:web:a', `did:plc:${'x'.repeat(2_040)}`]) {
      const { bucket, value } = digest(did)
      expect(Number.isSafeInteger(value) && value > 0).toBe(true)
      expect(Number.isInteger(bucket) && bucket >= 0 && bucket < 1024).toBe(true)
      expect(digester(7)(did)).toEqual({ bucket, value })
    }
    expect(digester(8)(DIDS[0] ?? '')).not.toEqual(digest(DIDS[0] ?? ''))
  })

  it('tell DIDs that are alike apart, fill all buckets evenly, and use every bit', () => {
    const digest = digester(1)
    const sizes = new Array<number>(1024).fill(0)
    const seen = new Set<number>()
    const ones = new Array<number>(53).fill(0)
    for (const did of DIDS) {
      const { bucket, value } = digest(did)
      sizes[bucket] = (sizes[bucket] ?? 0) + 1
      seen.add(value)
      for (let bit = 0, rest = value; bit < 53; bit += 1, rest = Math.floor(rest / 2))
        ones[bit] = (ones[bit] ?? 0) + (rest % 2)
    }
    expect(seen.size).toBe(DIDS.length)
    // 98 on average with a deviation of 10: six of those are never seen by chance.
    expect(Math.min(...sizes)).toBeGreaterThan(38)
    expect(Math.max(...sizes)).toBeLessThan(158)
    for (const count of ones) expect(Math.abs(count / DIDS.length - 0.5)).toBeLessThan(0.01)
  })
})

describe('a set of digests', () => {
  const digest = digester(3)

  it('holds what was added, each once, however often and in whatever order it came', () => {
    const set = digestSet()
    const held = DIDS.slice(0, 20_000)
    for (const did of [...held, ...held.toReversed(), ...held.slice(0, 5_000)]) set.add(digest(did))
    expect(set.count()).toEqual({ members: 20_000, marked: 0 })
    expect(held.every((did) => set.mark(digest(did)) === 'first')).toBe(true)
    expect(DIDS.slice(20_000, 40_000).every((did) => set.mark(digest(did)) === 'absent')).toBe(true)
    expect(held.every((did) => set.isMarked(digest(did)) && set.mark(digest(did)) === 'again')).toBe(true)
    expect(set.count()).toEqual({ members: 20_000, marked: 20_000 })
  })

  it('marks one and no other', () => {
    const set = digestSet()
    for (const did of DIDS) set.add(digest(did))
    const some = DIDS.filter((_, i) => i % 7 === 0)
    for (const did of some) set.mark(digest(did))
    expect(set.count()).toEqual({ members: DIDS.length, marked: some.length })
    expect(DIDS.filter((did) => set.isMarked(digest(did)))).toEqual(some)
  })

  it('takes eight bytes for each and a third more at most, repeats not counted', () => {
    const set = digestSet()
    const big = didsFrom(0, 200_000)
    for (const did of [...big, ...big]) set.add(digest(did))
    expect(set.bytes).toBeGreaterThan(8 * big.length)
    expect(set.bytes).toBeLessThan(8 * big.length * 1.45)
    set.keep({ modulus: 2, remainder: 1 })
    expect(set.bytes).toBeLessThan(8 * big.length * 0.75)
    expect(set.bytes).toBeGreaterThan(8 * big.length * 0.45)
  })

  it('keeps a share, and the shares of all passes are the whole', () => {
    const shares: Share[] = []
    const open: Share[] = [EVERYTHING]
    for (let share = open.pop(); share; share = open.pop()) {
      const [one, other] = share.modulus < 8 ? (halves(share) ?? []) : []
      if (one && other) open.push(one, other)
      else shares.push(share)
    }
    expect(shares).toHaveLength(8)
    const parts = shares.map((share) => {
      const set = digestSet()
      for (const did of DIDS) set.add(digest(did))
      set.keep(share)
      return set.count().members
    })
    expect(parts.reduce((sum, part) => sum + part, 0)).toBe(DIDS.length)
    for (let bucket = 0; bucket < 1024; bucket += 1)
      expect(shares.filter((share) => isIn(share, bucket))).toHaveLength(1)
  })

  it('a share of one bucket has no halves', () => {
    expect(halves({ modulus: 1024, remainder: 5 })).toBeUndefined()
    expect(halves({ modulus: 512, remainder: 5 })).toEqual([
      { modulus: 1024, remainder: 5 },
      { modulus: 1024, remainder: 517 },
    ])
  })
})
