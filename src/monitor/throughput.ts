import type { ThroughputSample } from './snapshot.ts'

/** What happened in a moment. */
export interface Amounts {
  /** DIDs. */
  readonly imported: number
  readonly requests: number
}

export interface Throughput {
  add(now: number, amounts: Partial<Amounts>): void
  /** So many a second over the last `windowMs`; nothing before there has been half a second of it. */
  rate(now: number, amount: keyof Amounts, windowMs: number): number | undefined
  history(now: number): readonly ThroughputSample[]
}

/** Speeds are summed up in steps of this length. */
const STEP_MS = 500
/** The longest window that a speed is asked for. */
const LONGEST_WINDOW_MS = 10_000
/** The history begins with a sample for each second, and halves them when there are this many. */
const FIRST_SPAN_MS = 1_000
const MAX_SAMPLES = 600

export function createThroughput(startedAt: number): Throughput {
  const recent: (Amounts & { step: number })[] = []
  const past = createHistory(startedAt)
  let firstAt: number | undefined
  return {
    add(now, { imported = 0, requests = 0 }) {
      firstAt ??= now
      const step = Math.floor(now / STEP_MS)
      const last = recent.at(-1)
      if (last?.step === step) {
        recent[recent.length - 1] = {
          step,
          imported: last.imported + imported,
          requests: last.requests + requests,
        }
      } else {
        recent.push({ step, imported, requests })
        while ((recent[0]?.step ?? step) < step - LONGEST_WINDOW_MS / STEP_MS) recent.shift()
      }
      past.add(now, imported, requests)
    },
    rate(now, amount, windowMs) {
      const firstStep = Math.floor((now - windowMs) / STEP_MS) + 1
      const spanMs = now - Math.max(firstAt ?? now, firstStep * STEP_MS)
      if (spanMs < STEP_MS) return undefined
      const sum = recent.reduce((total, each) => total + (each.step >= firstStep ? each[amount] : 0), 0)
      return (sum * 1000) / spanMs
    },
    history: (now) => past.samples(now),
  }
}

/** The whole run in a bounded number of samples: they become coarser as it goes on. */
function createHistory(startedAt: number) {
  let spanMs = FIRST_SPAN_MS
  let samples: { imported: number; requests: number }[] = []

  /** The sample of this moment. Moments in which nothing happened have one too. */
  function sampleAt(now: number): { imported: number; requests: number } {
    let index = Math.floor((now - startedAt) / spanMs)
    while (index >= MAX_SAMPLES) {
      samples = inPairs(samples)
      spanMs *= 2
      index = Math.floor((now - startedAt) / spanMs)
    }
    while (samples.length <= index) samples.push({ imported: 0, requests: 0 })
    return samples[index] ?? { imported: 0, requests: 0 }
  }

  return {
    add(now: number, imported: number, requests: number) {
      const sample = sampleAt(now)
      sample.imported += imported
      sample.requests += requests
    },
    samples(now: number): ThroughputSample[] {
      sampleAt(now)
      return samples.flatMap(({ imported, requests }, index) => {
        const at = startedAt + index * spanMs
        // The last one is not over yet, and too short a part of it says nothing.
        const seconds = Math.min(spanMs, now - at) / 1000
        if (seconds < FIRST_SPAN_MS / 1000) return []
        return [{ at, spanMs, importedPerSecond: imported / seconds, requestsPerSecond: requests / seconds }]
      })
    },
  }
}

function inPairs(
  samples: readonly { imported: number; requests: number }[],
): { imported: number; requests: number }[] {
  return Array.from({ length: Math.ceil(samples.length / 2) }, (_, i) => ({
    imported: (samples[2 * i]?.imported ?? 0) + (samples[2 * i + 1]?.imported ?? 0),
    requests: (samples[2 * i]?.requests ?? 0) + (samples[2 * i + 1]?.requests ?? 0),
  }))
}
