import type { HeldClaim } from '../contracts/progress-store.ts'
import { hasEnded, type ProcessName, thisProcess } from '../util/this-process.ts'

/** The owners that one run gives to its claims: {@link ClaimRequest.owner}. */
export interface ClaimOwners {
  /** Another one for each claim: a database that forgot one in a crash gives its epoch out again. */
  next(): string
  /** Whether a claim is one of this run's. */
  isOwn(claim: HeldClaim): boolean
}

/** `host/process id/start of the process/run/number of the claim`; only the last two where the first are not known. */
export function createClaimOwners(): ClaimOwners {
  const process = thisProcess()
  const run = crypto.randomUUID()
  const parts =
    process === undefined ? [] : [encodeURIComponent(process.host), process.pid, process.startedAt]
  const prefix = `${[...parts, run].join('/')}/`
  let claims = 0
  return {
    next() {
      claims += 1
      return `${prefix}${claims}`
    },
    isOwn: ({ owner }) => owner.startsWith(prefix),
  }
}

/** The process that an owner names. `undefined` for an owner of another form. */
function processOf(owner: string): ProcessName | undefined {
  const [, host, pid, startedAt] = /^([^/]+)\/(\d+)\/(\d+)\/[^/]+\/\d+$/.exec(owner) ?? []
  if (host === undefined) return undefined
  return { host: decoded(host), pid: Number(pid), startedAt: Number(startedAt) }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** What an owner is called where people read it: its process, and by its own name if it has another form. */
export function holderOf({ owner }: Pick<HeldClaim, 'owner'>): string {
  const process = processOf(owner)
  return process === undefined ? owner : `process ${process.pid} on ${process.host}`
}

/** Finds the claims of processes that have ended. */
export interface EndedProcesses {
  /** Those of these claims whose process was on this host and has ended. */
  claimsOf(claims: readonly HeldClaim[]): readonly HeldClaim[]
}

/**
 * A process is said to have ended once: if it holds claims again after that, it lives, and it was taken for another, as
 * where two containers have one host name. So two runs never take claims from each other for ever.
 */
export function createEndedProcesses(): EndedProcesses {
  const told = new Set<string>()
  return {
    claimsOf(claims) {
      const ended = claims.filter(({ owner }) => {
        const process = processOf(owner)
        return process !== undefined && !told.has(keyOf(process)) && hasEnded(process)
      })
      for (const { owner } of ended) told.add(keyOf(processOf(owner)))
      return ended
    },
  }
}

function keyOf(process: ProcessName | undefined): string {
  return JSON.stringify(process)
}
