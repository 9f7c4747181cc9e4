import { expect, test } from 'vitest'
import { scaledNetwork } from '../../examples/demo/network.ts'

test('the model has the collections and pairs of the network at full size', () => {
  const { sizes, garden, collections, pairs } = scaledNetwork(61_000_000)
  expect({ collections, pairs, garden: garden.length }).toEqual({
    collections: 1287,
    pairs: 61_000_000,
    garden: 587,
  })
  expect(sizes['app.bsky.actor.profile']).toBe(9_700_000)
})

test('scaled down, a collection that has repos keeps one, and an empty one stays empty', () => {
  const full = scaledNetwork(61_000_000)
  const small = scaledNetwork(1_000)
  const filled = (sizes: Readonly<Record<string, number>>) =>
    Object.keys(sizes).filter((collection) => (sizes[collection] ?? 0) > 0)
  expect(Object.keys(small.sizes)).toEqual(Object.keys(full.sizes))
  expect(filled(small.sizes)).toEqual(filled(full.sizes))
  expect(filled(small.sizes)).toHaveLength(780)
})

test('the scale of the demo comes to about one million pairs', () => {
  const { sizes, pairs } = scaledNetwork(1_000_000)
  expect(pairs).toBeGreaterThan(999_000)
  expect(pairs).toBeLessThan(1_001_000)
  expect(sizes['app.bsky.feed.like']).toBe(224_936)
})
