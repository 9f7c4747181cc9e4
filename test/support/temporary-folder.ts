import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { serverAccount, temporaryRoot } from '../../examples/support/postgres-programs.ts'

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string
}

/** An empty folder that other users may enter, as a Postgres does that is not allowed to be root; deleted afterwards. */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(temporaryRoot(await serverAccount()), 'backfill-example-'))
  await chmod(path, 0o755)
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
