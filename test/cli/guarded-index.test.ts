import { expect, it, vi } from 'vitest'
import { guardedIndex } from '../../src/cli/guarded-index.ts'
import { didsFrom } from '../../src/testing/suites/samples.ts'

const A = 'com.example.a'
const listRepos = async () => ({ dids: [] })

it('lets twice as many pairs of a collection go as were told, and then none', async () => {
  const remove = vi.fn(async (_: string, dids: readonly string[]) => ({ removed: dids.length }))
  const index = guardedIndex({ listRepos, remove }, new Map([[A, 3]]))
  expect(await index.remove?.(A, didsFrom(0, 4))).toEqual({ removed: 4 })
  expect(await index.remove?.(A, didsFrom(4, 2))).toEqual({ removed: 2 })
  await expect(index.remove?.(A, didsFrom(6, 1))).rejects.toThrow('Verify again')
  await expect(index.remove?.('com.example.other', didsFrom(0, 1))).rejects.toThrow('Verify again')
  expect(remove).toHaveBeenCalledTimes(2)
})

it('counts a removal that is made again once', async () => {
  const remove = vi.fn(async (_: string, dids: readonly string[]) => ({ removed: dids.length }))
  remove.mockRejectedValueOnce(new Error('lost'))
  const index = guardedIndex({ listRepos, remove }, new Map([[A, 1]]))
  const dids = didsFrom(0, 2)
  await expect(index.remove?.(A, dids)).rejects.toThrow('lost')
  expect(await index.remove?.(A, dids)).toEqual({ removed: 2 })
})
