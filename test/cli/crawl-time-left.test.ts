import { describe, expect, it } from 'vitest'
import { createCrawlTimeLeft } from '../../src/cli/crawl-time-left.ts'
import type { HostProgress } from '../../src/contracts/crawl-events.ts'

const MINUTE = 60_000

function host(name: string, accounts: number | undefined, repos: number, more: Partial<HostProgress> = {}) {
  const none = { pages: 0, attempts: 0, flags: [], failedRepos: 0 }
  return { host: name, state: 'running' as const, accounts, repos, ...none, ...more }
}

/** What is told of these hosts after two minutes, given how far each was at first. */
function afterTwoMinutes(hosts: readonly (HostProgress & { first?: number })[], activeShare = 1) {
  const timeLeft = createCrawlTimeLeft()
  const before = hosts.map((each) => ({ ...each, repos: each.first ?? each.repos }))
  expect(timeLeft.of(before, activeShare, 0)).toBe(undefined)
  return timeLeft.of(hosts, activeShare, 2 * MINUTE)
}

const running = (name: string, accounts: number | undefined, first: number, repos: number, more = {}) => ({
  ...host(name, accounts, repos, more),
  first,
})

describe('the time left of a crawl', () => {
  it('is that of the host which takes longest at its own speed', () => {
    const small = running('a.example', 2_000, 0, 1_000)
    expect(afterTwoMinutes([small, running('b.example', 21_000, 0, 1_000)])).toBe(40 * MINUTE)
  })

  it('is that of all repos where they are too many for the speed of the whole crawl', () => {
    const waiting = Array.from({ length: 9 }, (_, i) => host(`w${i}.example`, 1_000, 0, { state: 'pending' }))
    expect(afterTwoMinutes([running('a.example', 2_000, 0, 1_000), ...waiting])).toBe(20 * MINUTE)
  })

  it('counts a large host that waits at the speed of those that are asked', () => {
    const waiting = host('w.example', 100_000, 0, { state: 'pending', retryInMs: 5 * MINUTE })
    const others = [1, 2, 3, 4].map((i) => running(`a${i}.example`, 1_000, 0, 1_000))
    expect(afterTwoMinutes([...others, waiting])).toBe(205 * MINUTE)
  })

  it('is that of the hosts together that share a limit', () => {
    const of = { group: '*.shared.example' }
    const asked = running('a.shared.example', 2_000, 0, 1_000, of)
    const waiting = host('b.shared.example', 60_000, 0, { ...of, state: 'pending' })
    const fast = [1, 2, 3].map((i) => running(`f${i}.example`, 30_000, 0, 30_000))
    expect(afterTwoMinutes([asked, waiting, ...fast])).toBe(122 * MINUTE)
  })

  it('leaves out accounts that are not active, by the share that was seen', () => {
    expect(afterTwoMinutes([running('a.example', 4_000, 0, 1_000)], 0.5)).toBe(2 * MINUTE)
  })

  it('is none where no host is left, though repos may be asked for once more', () => {
    expect(afterTwoMinutes([running('a.example', 2_000, 0, 2_000, { state: 'complete' as const })])).toBe(
      undefined,
    )
  })

  it('passes over hosts that are done, failed or left out', () => {
    const done = [
      host('c.example', 9_000, 8_000, { state: 'complete' }),
      host('f.example', 9_000, 0, { state: 'failed' }),
      host('l.example', undefined, 0, { state: 'leftOut' }),
    ]
    expect(afterTwoMinutes([running('a.example', 2_000, 0, 1_000), ...done])).toBe(2 * MINUTE)
  })

  it.each<[string, readonly (HostProgress & { first?: number })[]]>([
    [
      'a host does not tell its size',
      [running('a.example', 2_000, 0, 1_000), running('b.example', undefined, 0, 1_000)],
    ],
    [
      'a host gives nothing',
      [running('a.example', 2_000, 0, 1_000), running('b.example', 2_000, 500, 500)].slice(1),
    ],
    [
      'hosts that share a limit have not been asked',
      [
        running('a.example', 2_000, 0, 1_000),
        host('b.shared.example', 10, 0, { group: '*.shared.example', state: 'pending' }),
      ],
    ],
  ])('is not told where %s', (_, hosts) => {
    expect(afterTwoMinutes(hosts)).toBe(undefined)
  })

  it('is not told where a size that a relay tells would make it years', () => {
    expect(afterTwoMinutes([running('a.example', Number.MAX_SAFE_INTEGER, 0, 1_000)])).toBe(undefined)
  })

  it('is not told before a minute was measured, nor after a walk has begun again', () => {
    const timeLeft = createCrawlTimeLeft()
    const at = (repos: number, now: number) => timeLeft.of([host('a.example', 2_000, repos)], 1, now)
    expect(at(0, 0)).toBe(undefined)
    expect(at(500, MINUTE / 2)).toBe(undefined)
    expect(at(1_000, 2 * MINUTE)).toBe(2 * MINUTE)
    expect(at(10, 3 * MINUTE)).toBe(undefined)
  })
})
