import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const run = promisify(execFile)

/** Imports a file of `src` in a process of its own and gives every module that was loaded for it. */
async function loadedBy(file: string): Promise<string[]> {
  const script = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({
      resolve(specifier, context, next) {
        const resolved = next(specifier, context)
        loaded.push(resolved.url)
        return resolved
      },
    })
    await import(process.argv[1])
    console.log(JSON.stringify(loaded))`
  const url = new URL(`../src/${file}`, import.meta.url).href
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script, url])
  return JSON.parse(stdout)
}

const isDriver = (url: string) => /\/node_modules\/(?:pg|kysely|@electric-sql)\//.test(url)
const isTelemetry = (url: string) => url.includes('/node_modules/@opentelemetry/')
const isNode = (url: string) => url.startsWith('node:')

describe('what an import loads', () => {
  it('the root loads no database driver and no module of Node, so it runs in a browser, a worker, Deno and Bun', async () => {
    const loaded = await loadedBy('index.ts')
    expect(loaded.length).toBeGreaterThan(20)
    expect(loaded.filter((url) => isDriver(url) || isNode(url) || isTelemetry(url))).toEqual([])
  })

  it('./opentelemetry loads the API of OpenTelemetry, no SDK, no driver and no module of Node', async () => {
    const loaded = await loadedBy('opentelemetry/index.ts')
    const telemetry = loaded.filter(isTelemetry)
    expect(telemetry.length).toBeGreaterThan(0)
    expect(telemetry.filter((url) => !url.includes('/@opentelemetry/api/'))).toEqual([])
    expect(loaded.filter((url) => isDriver(url) || isNode(url))).toEqual([])
  })

  it('./kysely loads kysely, no driver and no module of Node', async () => {
    const loaded = await loadedBy('kysely/index.ts')
    expect(loaded.filter(isDriver).some((url) => url.includes('/node_modules/kysely/'))).toBe(true)
    expect(loaded.filter((url) => /\/node_modules\/(?:pg|@electric-sql)\//.test(url) || isNode(url))).toEqual(
      [],
    )
  })

  it('./server loads no database driver and no module of Node', async () => {
    const loaded = await loadedBy('server/index.ts')
    expect(loaded.length).toBeGreaterThan(5)
    expect(loaded.filter((url) => isDriver(url) || isNode(url))).toEqual([])
  })

  it('./postgres loads no package, so that openPostgres can say which one is missing', async () => {
    const loaded = await loadedBy('postgres/index.ts')
    expect(loaded.filter((url) => isNode(url) || url.includes('/node_modules/'))).toEqual([])
  })

  it('the pool of openPostgres loads pg, and with it modules of Node', async () => {
    const loaded = await loadedBy('postgres/own-pool.ts')
    expect(loaded.some((url) => url.includes('/node_modules/pg/'))).toBe(true)
    expect(loaded.some(isNode)).toBe(true)
  })
})
