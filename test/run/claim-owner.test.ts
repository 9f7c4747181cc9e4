import { spawnSync } from 'node:child_process'
import { hostname } from 'node:os'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { HeldClaim } from '../../src/index.ts'
import { createClaimOwners, createEndedProcesses, holderOf } from '../../src/run/claim-owner.ts'

const started = Math.floor(performance.timeOrigin)
const gone = spawnSync(process.execPath, ['--version']).pid
const held = (owner: string): HeldClaim => ({
  relay: 'relay.test',
  collection: 'com.example.a',
  owner,
  epoch: 1,
  leaseLeftMs: 1,
})
const owner = (host: string, pid: number, startedAt = started) => held(`${host}/${pid}/${startedAt}/run/1`)
const endedOf = (claim: HeldClaim) => createEndedProcesses().claimsOf([claim])

afterEach(() => vi.unstubAllGlobals())

describe('the owner of a claim', () => {
  it('names host and process, is another for each claim, and tells runs of one process apart', () => {
    const [one, other] = [createClaimOwners(), createClaimOwners()]
    const [first, second, foreign] = [one.next(), one.next(), other.next()].map(held)
    if (!first || !second || !foreign) throw new Error('no claims')
    expect(new Set([first.owner, second.owner, foreign.owner]).size).toBe(3)
    expect([first, second, foreign].map(one.isOwn)).toEqual([true, true, false])
    expect(holderOf(first)).toBe(`process ${process.pid} on ${hostname()}`)
  })

  it('names neither where the runtime tells neither', () => {
    vi.stubGlobal('process', undefined)
    const owners = createClaimOwners()
    const claim = held(owners.next())
    expect(claim.owner).toMatch(/^[0-9a-f-]{36}\/1$/)
    expect([owners.isOwn(claim), holderOf(claim), endedOf(claim)]).toEqual([true, claim.owner, []])
    expect(endedOf(owner(hostname(), gone))).toEqual([])
  })

  it.each(['worker', 'a/b', 'h/1/2/3', 'h/1/x/run/1', '', 'h/1/2/run/1/2'])(
    'of another form is left alone: %o',
    (text) => {
      expect([holderOf(held(text)), endedOf(held(text))]).toEqual([text, []])
    },
  )
})

describe('a process', () => {
  it.each([
    ['of this host that is no longer there', owner(hostname(), gone), true],
    ['of this host that lives', owner(hostname(), process.ppid), false],
    ['of another host', owner('elsewhere', gone), false],
    ['that is this one', owner(hostname(), process.pid), false],
    [
      'that had this id before, in a container that was started again',
      owner(hostname(), process.pid, started - 1),
      true,
    ],
    ['that seems to be a thread of this one', owner(hostname(), process.pid, started + 1), false],
    ['that is no process at all', owner(hostname(), 2 ** 40), false],
  ])('%s: whether it has ended', (_, claim, ended) => {
    expect(endedOf(claim)).toEqual(ended ? [claim] : [])
  })

  it('that holds claims again after it was taken for ended lives, and is left alone', () => {
    const ended = createEndedProcesses()
    const claims = [owner(hostname(), gone), { ...owner(hostname(), gone), collection: 'com.example.b' }]
    expect(ended.claimsOf(claims)).toEqual(claims)
    expect(ended.claimsOf(claims)).toEqual([])
  })

  it('is not looked for in a Deno that may not', () => {
    const querySync = vi.fn((permission: { name: string }) => ({
      state: permission.name === 'run' ? 'prompt' : 'granted',
    }))
    vi.stubGlobal('Deno', { permissions: { querySync } })
    expect(endedOf(owner(hostname(), gone))).toEqual([])
    querySync.mockImplementation(() => ({ state: 'prompt' }))
    expect(createClaimOwners().next()).toMatch(/^[0-9a-f-]{36}\/1$/)
  })
})
