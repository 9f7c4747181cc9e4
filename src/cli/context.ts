import type { Interruption } from './interruption.ts'
import type { Output } from './output/screen.ts'

/** What a command works with besides its options. */
export interface Context {
  /** Where answers come from. Absent: no question is asked. */
  readonly input?: NodeJS.ReadStream | undefined
  readonly out: Output
  readonly err: Output
  readonly env: Readonly<Record<string, string | undefined>>
  readonly interruption: Interruption
  /** Errors are told with their stack. */
  readonly debug: boolean
}

/** What a command ends the process with. */
export const EXIT = { complete: 0, incomplete: 1, usage: 2 } as const

/** How a command ended that threw. */
export type BrokenEnd =
  | { readonly outcome: 'interrupted'; readonly exitCode: number }
  | { readonly outcome: 'failed'; readonly exitCode: number; readonly error: unknown }

/** What a command threw is no failure where the user stopped it. */
export function brokenEnd(error: unknown, { signal, exitCode }: Interruption): BrokenEnd {
  if (signal.aborted) return { outcome: 'interrupted', exitCode }
  return { outcome: 'failed', exitCode: EXIT.incomplete, error }
}
