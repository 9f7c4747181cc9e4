/**
 * Makes the clocks of the process that it is preloaded into wrong, by the milliseconds in WRONG_CLOCK, or by an hour more and an
 * hour less in turn. `performance.now()` cannot jump, so it is at most wrong from the beginning.
 */
const HOUR = 3_600_000
const given = process.env.WRONG_CLOCK ?? ''
const RealDate = Date
const realNow = performance.now.bind(performance)
let reads = 0

function wrong(): number {
  if (given !== 'jumping') return Number(given)
  reads += 1
  return reads % 2 === 0 ? HOUR : -HOUR
}

class WrongDate extends RealDate {
  constructor(...parameters: [] | [number | string | Date]) {
    if (parameters.length === 0) super(RealDate.now() + wrong())
    else super(...(parameters as [number]))
  }

  static override now(): number {
    return RealDate.now() + wrong()
  }
}

globalThis.Date = WrongDate as DateConstructor
performance.now = () => realNow() + (given === 'jumping' ? HOUR : Number(given) + 2 * HOUR)
