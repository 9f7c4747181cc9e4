import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { install, OLDEST_TYPESCRIPT, optionalPeers, type Packed, pack } from './packed.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The tarball that would be published. */
    packed: Packed
    /** A project that has only the package and what comes with it. */
    bareProject: string
    /** A project that has the optional peers too, and the oldest TypeScript. */
    fullProject: string
  }
}

/** The package as a user gets it, once for all these tests: built, packed, installed. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await temporaryFolder()
  const packed = await pack(folder.path)
  project.provide('packed', packed)
  project.provide('bareProject', await install(join(folder.path, 'bare'), [packed.tarball]))
  const full = [packed.tarball, ...(await optionalPeers()), `typescript@${OLDEST_TYPESCRIPT}`]
  project.provide('fullProject', await install(join(folder.path, 'full'), full))
  return async () => folder[Symbol.asyncDispose]()
}
