import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const run = promisify(execFile)
const MODULE = new URL('../../src/cli/young-generation.ts', import.meta.url).href

/** Makes garbage that lives for a while, and tells how large the young generation has become, in bytes. */
async function sizeAfterGarbage(before: string): Promise<number> {
  const program = `
    import { getHeapSpaceStatistics } from 'node:v8'
    ${before}
    for (let round = 0; round < 100; round += 1) {
      const kept = Array.from({ length: 50_000 }, (_, i) => ({ text: 'x' + i }))
      // Node tells of a collection in a turn of its own.
      await new Promise((resolve) => setImmediate(resolve, kept))
    }
    console.log(getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size)`
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program])
  return Number(stdout)
}

it('the young generation stops growing at 8 MiB', async () => {
  const bound = `(await import(${JSON.stringify(MODULE)})).boundYoungGeneration()`
  expect(await sizeAfterGarbage('')).toBeGreaterThan(16 * 1024 * 1024)
  // It may have been growing when that was noticed.
  expect(await sizeAfterGarbage(bound)).toBeLessThanOrEqual(16 * 1024 * 1024)
})
