/**
 * The package as it would be published, on every runtime: the conformance suites on Node, Bun and Deno, and the root in
 * Chromium. `npm run runtimes`, or with the names of some: `npm run runtimes -- node22 bun`.
 */
import { execFile } from 'node:child_process'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pLimit from 'p-limit'
import { atTestedVersion, install, optionalPeers, pack } from '../package/packed.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { proveInChromium } from './browser.ts'
import { installRuntimes, RUNTIMES, type Runtime, versionOf } from './runtimes.ts'
import type { Outcome } from './suites.ts'

const run = promisify(execFile)

/** Far longer than the suites take on a machine that does much else. */
const TIMEOUT_MS = 300_000
const ALL = [...RUNTIMES, 'chromium']

/** Runs the suites on one runtime and says what came of it. */
async function prove(runtime: Runtime, project: string): Promise<boolean> {
  const startedAt = performance.now()
  const { passed, failed } = await outcomeOn(runtime, project)
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  const what = `${runtime.name} ${await versionOf(runtime)}`
  console.log(`${what}: ${passed} passed, ${failed.length} failed, ${seconds} s`)
  for (const { name, message } of failed) console.log(`  ${name}\n    ${message.replaceAll('\n', '\n    ')}`)
  return failed.length === 0 && passed > 0
}

async function outcomeOn({ command, args }: Runtime, project: string): Promise<Outcome> {
  try {
    const options = { cwd: project, timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 }
    const { stdout } = await run(command, [...args, 'suites.ts'], options)
    return JSON.parse(stdout)
  } catch (error) {
    return { passed: 0, failed: [{ name: 'the program did not end as it should', message: String(error) }] }
  }
}

async function chromium(project: string): Promise<boolean> {
  try {
    console.log(`chromium ${await proveInChromium(project)}: the root fills an index in a page, and stops`)
    return true
  } catch (error) {
    console.log('chromium: failed\n ', error)
    return false
  }
}

async function main(names: readonly string[]): Promise<boolean> {
  const unknown = names.filter((name) => !ALL.includes(name))
  if (unknown.length > 0)
    throw new Error(`No such runtime: ${unknown.join(', ')}. There are ${ALL.join(', ')}.`)
  await using folder = await temporaryFolder()
  const { tarball } = await pack(folder.path)
  const project = await install(join(folder.path, 'project'), [
    tarball,
    ...(await optionalPeers()),
    await atTestedVersion('@electric-sql/pglite'),
  ])
  await copyFile(fileURLToPath(new URL('suites.ts', import.meta.url)), join(project, 'suites.ts'))
  const runtimes = await installRuntimes(names)
  // Two at a time: the suites wait more than they work, but leases of a tenth of a second want a core.
  const limit = pLimit(2)
  const outcomes = await limit.map(runtimes, (runtime) => prove(runtime, project))
  if (names.includes('chromium')) outcomes.push(await chromium(project))
  return outcomes.every(Boolean)
}

const chosen = process.argv.slice(2)
process.exitCode = (await main(chosen.length > 0 ? chosen : ALL)) ? 0 : 1
