import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Postgres writes this file when it starts, and removes it at last. */
const pidFile = (data: string) => join(data, 'postmaster.pid')

/** Ends the server of a data folder as `pg_ctl stop -m immediate` does. Resolves when it is gone, or at once without one. */
export async function stopHard(data: string): Promise<void> {
  const pid = await pidOf(data)
  if (pid === undefined || !signal(pid, 'SIGQUIT')) return
  // Its id is found until its parent has waited for it, which not every first process of a container does.
  while (existsSync(pidFile(data)) && signal(pid, 0)) await sleep(5)
}

async function pidOf(data: string): Promise<number | undefined> {
  if (!existsSync(pidFile(data))) return undefined
  const [pid = ''] = (await readFile(pidFile(data), 'utf8')).split('\n')
  return Number.parseInt(pid, 10)
}

/** @returns whether there is such a process */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}
