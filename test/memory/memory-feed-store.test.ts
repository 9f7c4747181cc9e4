import { describe, it } from 'vitest'
import { memoryStore } from '../../src/memory/memory-store.ts'
import { feedStoreSuite } from '../../src/testing/index.ts'

describe('what a live feed keeps in memory', () => {
  for (const { name, run } of feedStoreSuite) it(name, () => run(async () => memoryStore()))
})
