/** What a display is drawn for. */
export interface Screen {
  readonly columns: number
  readonly rows: number
  readonly color: boolean
}

/** Where a command writes to, as {@link process.stdout} is. */
export type Output = NodeJS.WriteStream

/** Narrower than that, nothing can be read any more, and lines wrap. */
const NARROWEST = 32

type Environment = Readonly<Record<string, string | undefined>>

/** Whether lines can be taken back and drawn anew. */
export function isTerminal(out: Output, env: Environment): boolean {
  // A build server's terminal is a log, and one of no columns cannot be drawn on.
  const isLog = env.CI !== undefined && env.CI !== '' && env.CI !== 'false'
  return out.isTTY === true && out.columns !== 0 && env.TERM !== 'dumb' && !isLog
}

export function screenOf(out: Output, env: Environment): Screen {
  return { columns: Math.max(NARROWEST, out.columns || 80), rows: out.rows || 24, color: hasColor(out, env) }
}

/** https://no-color.org, and https://force-color.org, which wins: it is set for this output on purpose. */
function hasColor(out: Output, env: Environment): boolean {
  const { FORCE_COLOR, NO_COLOR } = env
  if (FORCE_COLOR) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  if (NO_COLOR) return false
  return isTerminal(out, env) && out.hasColors(env)
}
