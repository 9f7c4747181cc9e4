/** A process, so that others of its host can see whether it still runs. */
export interface ProcessName {
  readonly host: string
  readonly pid: number
  /** Milliseconds since 1970: a container that is started again has the same host and often the same process id. */
  readonly startedAt: number
}

/** What is used here of `process` in Node, Bun and Deno; browsers have none. */
interface RuntimeProcess {
  readonly pid?: number
  kill?(pid: number, signal: 0): unknown
  getBuiltinModule?(name: string): unknown
}

/** What is used here of Deno. */
interface Deno {
  readonly permissions: { querySync(permission: object): { readonly state: string } }
}

/** The same in all threads of Node; a clock that is set, or faked, while the process runs does not move it. */
const STARTED_AT = Math.floor(performance.timeOrigin)

/** The name of this process. `undefined` where the runtime does not tell host and process id. */
export function thisProcess(): ProcessName | undefined {
  const { process } = globalThis as { process?: RuntimeProcess }
  if (!isAllowed({ name: 'sys', kind: 'hostname' })) return undefined
  const os = process?.getBuiltinModule?.('os') as { hostname(): string } | undefined
  const host = os?.hostname()
  if (!host || process?.pid === undefined) return undefined
  return { host, pid: process.pid, startedAt: STARTED_AT }
}

/**
 * Whether a process of this host has ended. It may be wrong where two machines, or two containers, have one host name:
 * then one takes the other's claims, and the epoch of each claim keeps both from harm.
 *
 * @returns false where that cannot be told
 */
export function hasEnded({ host, pid, startedAt }: ProcessName): boolean {
  const { process } = globalThis as { process?: RuntimeProcess }
  const own = thisProcess()
  if (own === undefined || host !== own.host) return false
  if (pid === own.pid) return isMainThread(process) && startedAt < own.startedAt
  if (!process?.kill || !isAllowed({ name: 'run' })) return false
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    // Another error says that the process is there and is another user's, or that it may not be asked for.
    return (error as { code?: unknown }).code === 'ESRCH'
  }
}

/** In Bun and Deno, each thread has a beginning of its own: only the main one knows that of the process. */
function isMainThread(process: RuntimeProcess | undefined): boolean {
  const threads = process?.getBuiltinModule?.('worker_threads') as { isMainThread: boolean } | undefined
  return threads?.isMainThread === true
}

/** Deno stops a program and asks its user unless it was allowed beforehand. This is not worth a question. */
function isAllowed(permission: object): boolean {
  const { Deno } = globalThis as { Deno?: Deno }
  return Deno === undefined || Deno.permissions.querySync(permission).state === 'granted'
}
