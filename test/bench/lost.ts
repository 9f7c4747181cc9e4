/** What one walk met besides refusals. */
export interface OwnFaults {
  /** Answers that failed. */
  readonly failed: number
  /** All the pauses before those pages were asked for again. */
  readonly pausedMs: number
}

export interface LostOptions {
  readonly seconds: number
  /** The same run without faults. */
  readonly calmSeconds: number
  /** For how long the relay asked everybody to wait. */
  readonly askedMs: number
  /** How long an answer takes. */
  readonly pageMs: number
  /** What the walk met that the run is as long as. */
  readonly longest: OwnFaults
}

/** What the faults cost beyond what the relay asked for, and what of it was lost to what, in seconds. */
export interface Lost {
  readonly seconds: number
  /** To answers that came to nothing: no client has them back. */
  readonly failedSeconds: number
  readonly pauseSeconds: number
  /** The rest. */
  readonly stormSeconds: number
}

export function lostIn({ seconds, calmSeconds, askedMs, pageMs, longest }: LostOptions): Lost {
  const lost = seconds - calmSeconds - askedMs / 1000
  const failedSeconds = (longest.failed * pageMs) / 1000
  const pauseSeconds = longest.pausedMs / 1000
  return {
    seconds: lost,
    failedSeconds,
    pauseSeconds,
    stormSeconds: lost - failedSeconds - pauseSeconds,
  }
}
