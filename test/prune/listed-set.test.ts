import { expect, it } from 'vitest'
import { listedSet } from '../../src/prune/listed-set.ts'
import { didsFrom } from '../../src/testing/suites/samples.ts'
import { digester } from '../../src/verify/digest-set.ts'

const LISTED = didsFrom(0, 20_000)
const OTHERS = didsFrom(20_000, 5_000)

it('a list knows each of its names, repeats included, and none that it does not have', () => {
  const digest = digester(7)
  const names = listedSet(1e9)
  for (const did of [...LISTED, ...LISTED.slice(0, 9_000)]) names.add(digest(did))
  expect(LISTED.filter((did) => names.has(digest(did)) !== 'listed')).toEqual([])
  expect(OTHERS.filter((did) => names.has(digest(did)) !== 'unlisted')).toEqual([])
  expect(names.share).toBe(1)
})

it('what has no room is not known, and never taken for one that is not listed', () => {
  const digest = digester(7)
  const names = listedSet(100_000)
  for (const did of LISTED) names.add(digest(did))
  const places = LISTED.map((did) => names.has(digest(did)))
  expect(places).not.toContain('unlisted')
  expect(places).toContain('unknown')
  expect(places.filter((place) => place === 'listed').length).toBeGreaterThan(200)
  expect(names.share).toBeLessThan(1)
})
