import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { SERVE_PORT } from '../../src/cli/serve/serve-options.ts'
import { startRelay } from '../../src/testing/index.ts'
import { startCli } from '../support/cli.ts'
import { commands, complaintOf, type Variables } from '../support/command-line.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const folder = fileURLToPath(new URL('../../examples/deploy/', import.meta.url))
const textOf = (path: string) => readFileSync(join(folder, path), 'utf8')
const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const PROGRAM: string = manifest.name

/** As compose fills them in where the environment has nothing but what must be there. */
const filled = (value: string) =>
  value.replace(/\$\{\w+:-([^}]*)\}/g, '$1').replace(/\$\{\w+:\?[^}]*\}/g, 'given')

interface Instruction {
  readonly name: string
  readonly value: string
}

const dockerfile: readonly Instruction[] = textOf('Dockerfile')
  .split('\n')
  .filter((line) => !line.startsWith('#'))
  .join('\n')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => {
    const [, name = '', value = ''] = /^([A-Z]+) +(.*)$/.exec(line) ?? []
    return { name, value }
  })
const instructed = (name: string) => dockerfile.findLast((each) => each.name === name)?.value ?? ''
const imageVariables: Variables = Object.fromEntries(
  instructed('ENV')
    .split(' ')
    .map((pair) => pair.split('=')),
)

describe('the Dockerfile', () => {
  it('has instructions alone, and begins with a Node that the package takes', () => {
    const known = 'FROM ARG RUN VOLUME WORKDIR USER ENV EXPOSE HEALTHCHECK ENTRYPOINT CMD'.split(' ')
    expect(dockerfile.filter(({ name }) => !known.includes(name))).toEqual([])
    expect(dockerfile[0]?.name).toBe('FROM')
    expect(Number(/^node:(\d+)/.exec(instructed('FROM'))?.[1])).toBeGreaterThanOrEqual(
      Number(/\d+/.exec(manifest.engines.node)?.[0]),
    )
  })

  it('installs the packages for a Postgres in the versions that the package takes', () => {
    const install = dockerfile.find(({ value }) => value.includes('npm install'))?.value ?? ''
    for (const peer of ['kysely', 'pg']) {
      const [, version = ''] = new RegExp(` ${peer}@(\\S+)`).exec(install) ?? []
      expect(manifest.peerDependencies[peer]).toMatch(new RegExp(`^\\^${version.replaceAll('.', '\\.')}\\.`))
    }
    expect(textOf('Dockerfile')).toContain(`ARG PACKAGE=${PROGRAM}\n`)
  })

  it('runs as a user who is not root, to whom the folder of the data belongs', () => {
    const names = dockerfile.map(({ name }) => name)
    const user = instructed('USER')
    expect(user).not.toMatch(/^(?:root|0)?$/)
    // Nothing is installed by that user, and nothing done by root afterwards.
    expect(names.lastIndexOf('RUN')).toBeLessThan(names.indexOf('USER'))
    const volume = instructed('VOLUME')
    const made = dockerfile.findIndex(({ value }) => value.startsWith('install --directory'))
    expect(dockerfile[made]?.value).toContain(`--owner=${user} `)
    expect(dockerfile[made]?.value).toMatch(new RegExp(` ${volume}$`))
    // What a later instruction changes in a volume is lost.
    expect(made).toBeLessThan(names.indexOf('VOLUME'))
    expect(imageVariables.BACKFILL_DATA?.startsWith(`${volume}/`)).toBe(true)
  })

  it('starts a command that exists, on the port that it exposes', () => {
    const [entry, ...args] = [...JSON.parse(instructed('ENTRYPOINT')), ...JSON.parse(instructed('CMD'))]
    expect(Object.keys(manifest.bin)).toContain(entry)
    expect(complaintOf(args, { RELAY: 'relay.example', ...imageVariables })).toBeUndefined()
    expect(commands.get('serve')?.variables).toEqual(expect.arrayContaining(Object.keys(imageVariables)))
    expect([imageVariables.PORT, instructed('EXPOSE')]).toEqual([String(SERVE_PORT), String(SERVE_PORT)])
  })

  it('has a health check that tells whether a service answers', async () => {
    const [, words = ''] = /CMD (\[.*\])$/.exec(instructed('HEALTHCHECK')) ?? []
    const [, ...args]: string[] = JSON.parse(words)
    const check = async (port: string) => {
      const child = spawn(process.execPath, args, { env: { ...process.env, PORT: port }, stdio: 'inherit' })
      return (await once(child, 'exit'))[0]
    }
    await using relay = await startRelay({ collections: { 'app.bsky.actor.profile': 10 } })
    await using data = await temporaryFolder()
    const where = ['--data', join(data.path, 'index.sqlite'), '--port', '0', '--no-backlog', '--no-feed']
    await using program = startCli(['serve', '--relay', relay.url, ...where])
    const [, port = ''] = await program.until(/^serves http:\/\/localhost:(\d+)$/m)
    await expect.poll(() => check(port), { timeout: 20_000 }).toBe(0)
    program.kill('SIGTERM')
    await program.ended
    expect(await check(port)).toBe(1)
  })
})

interface ComposeService {
  readonly build?: string
  readonly image?: string
  readonly environment: Variables
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly depends_on?: readonly string[]
  readonly read_only?: boolean
  readonly command?: readonly string[]
}

describe.each(['compose.sqlite.yaml', 'compose.postgres.yaml'])('%s', (file) => {
  const compose: {
    services: Record<string, ComposeService>
    volumes: Record<string, unknown>
  } = parse(textOf(file))
  const services = Object.entries(compose.services)
  const directory = compose.services.directory
  const environment = Object.fromEntries(
    Object.entries(directory?.environment ?? {}).map(([name, value]) => [name, filled(value)]),
  )

  it('builds the Dockerfile beside it, and gives it variables that the command reads', () => {
    expect(directory?.build).toBe('.')
    expect(commands.get('serve')?.variables).toEqual(expect.arrayContaining(Object.keys(environment)))
    const args = directory?.command ?? JSON.parse(instructed('CMD'))
    expect(complaintOf(args, { ...imageVariables, ...environment })).toBeUndefined()
    expect(directory?.ports).toEqual([`${SERVE_PORT}:${instructed('EXPOSE')}`])
  })

  it('keeps the index, on a volume or in a database with one', () => {
    const isPostgres = 'DATABASE_URL' in environment
    const mounts = services.flatMap(([, { volumes = [] }]) => volumes.map((mount) => mount.split(':')))
    expect(mounts.map(([volume]) => volume).toSorted()).toEqual(Object.keys(compose.volumes).toSorted())
    expect(mounts.map(([, target]) => target)).toEqual([
      isPostgres ? '/var/lib/postgresql' : instructed('VOLUME'),
    ])
    expect(directory?.read_only).toBe(true)
  })

  it('names the services that it has', () => {
    const named = services.flatMap(([, { depends_on = [] }]) => depends_on)
    const { hostname, username, password } = new URL(environment.DATABASE_URL ?? 'postgres://none')
    if (named.length > 0) expect(named).toContain(hostname)
    for (const name of named) {
      const database = compose.services[name]?.environment ?? {}
      expect([username, password]).toEqual([database.POSTGRES_USER, filled(database.POSTGRES_PASSWORD ?? '')])
      expect(environment.DATABASE_URL).toMatch(new RegExp(`/${database.POSTGRES_DB}$`))
    }
    expect(services.map(([, { build, image }]) => build ?? image)).not.toContain(undefined)
  })
})

describe('the units of systemd', () => {
  const units = readdirSync(join(folder, 'systemd'))
  const settings = (unit: string) =>
    textOf(`systemd/${unit}`)
      .split('\n')
      .flatMap((line) => {
        const [, name = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? []
        return name === '' ? [] : [{ name, value }]
      })
  const valuesOf = (unit: string, name: string) =>
    settings(unit).flatMap((setting) => (setting.name === name ? [setting.value] : []))
  const services = units.filter((unit) => unit.endsWith('.service'))

  it('are read by systemd without a complaint', async () => {
    const paths = units.map((unit) => join(folder, 'systemd', unit))
    const { stdout, stderr } = await promisify(execFile)('systemd-analyze', ['verify', '--man=no', ...paths])
    expect(stdout + stderr).toBe('')
  })

  it.each(services)('%s starts a command that exists, with variables that it reads', (unit) => {
    const [env, program, command = '', ...args] = valuesOf(unit, 'ExecStart')[0]?.split(' ') ?? []
    expect([env, program]).toEqual(['/usr/bin/env', PROGRAM])
    const variables = Object.fromEntries(valuesOf(unit, 'Environment').map((pair) => pair.split('=')))
    expect(complaintOf([command, ...args], variables)).toBeUndefined()
    expect(commands.get(command)?.variables).toEqual(expect.arrayContaining(Object.keys(variables)))
  })

  it.each(services)('%s runs as a user of its own, who may write where the index is', (unit) => {
    const [state = ''] = valuesOf(unit, 'StateDirectory')
    expect(valuesOf(unit, 'DynamicUser')).toEqual(['yes'])
    expect(valuesOf(unit, 'Environment').join()).toContain(`BACKFILL_DATA=%S/${state}/`)
  })

  it('has a timer for a service that is there, which reads again what its last run has read', () => {
    const timers = units.filter((unit) => unit.endsWith('.timer'))
    expect(timers).toHaveLength(1)
    for (const timer of timers) {
      const service = timer.replace('.timer', '.service')
      expect(valuesOf(service, 'Type')).toEqual(['oneshot'])
      expect(valuesOf(timer, 'OnCalendar')).toEqual(['weekly'])
      expect(valuesOf(service, 'Environment')).toContain('BACKFILL_REFRESH=6d')
    }
  })
})
