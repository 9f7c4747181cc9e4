import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript'
import { describe, expect, inject, it } from 'vitest'
import { manifestOf, PACKAGE, ROOT } from './packed.ts'

const packed = inject('packed')
const bare = inject('bareProject')
const installed = join(bare, 'node_modules', PACKAGE)

/** What a download may weigh. */
const MOST_BYTES = 470_000
/** Packages that `npm install` adds to an empty project, this one included. All its peers are optional. */
const MOST_PACKAGES = 30

/** Every package in a project's node_modules, nested ones included. */
async function packagesIn(folder: string): Promise<string[]> {
  const { packages } = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8'))
  return Object.keys(packages)
}

describe('the tarball', () => {
  it('is built when it is packed, so that one from a fresh clone holds dist', () => {
    expect(packed.files).toContain('dist/index.js')
  })

  it('holds dist, README, CHANGELOG, LICENSE and package.json, and nothing else', () => {
    expect(packed.files.filter((file) => !file.startsWith('dist/')).toSorted()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'package.json',
    ])
    expect(packed.files.filter((file) => !/^(?:dist\/.+\.(?:js|js\.map|d\.ts)|[^/]+)$/.test(file))).toEqual(
      [],
    )
  })

  it('has a file for each of the sources that are built, and none that is left from an earlier build', () => {
    const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.build.json'), ts.sys.readFile)
    const { fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT)
    const sources = fileNames.map((file) => relative(join(ROOT, 'src'), file))
    const built = packed.files.filter((file) => file.endsWith('.js'))
    expect(built.toSorted()).toEqual(
      sources.map((file) => `dist/${file.replace(/(?:\.d)?\.ts$/, '.js')}`).toSorted(),
    )
  })

  it('has the declarations that its entry points lead to, and no others', async () => {
    const { exports } = await manifestOf(installed)
    const reached = new Set<string>()
    const visit = (file: string): void => {
      if (reached.has(file)) return
      reached.add(file)
      const text = readFileSync(join(installed, file), 'utf8')
      for (const { fileName } of ts.preProcessFile(text, true, true).importedFiles)
        if (fileName.startsWith('.')) visit(join(dirname(file), fileName.replace(/\.[jt]s$/, '.d.ts')))
    }
    for (const target of Object.values(exports)) if (typeof target !== 'string') visit(join(target.types))
    expect(packed.files.filter((file) => file.endsWith('.d.ts')).toSorted()).toEqual([...reached].toSorted())
  })

  it('is small', async () => {
    const packages = await packagesIn(bare)
    console.log(`${PACKAGE}: ${packed.size} bytes packed, ${packages.length} packages installed`)
    expect(packed.size).toBeLessThan(MOST_BYTES)
    expect(packages.length).toBeGreaterThan(10)
    expect(packages.length).toBeLessThanOrEqual(MOST_PACKAGES)
  })

  it('runs nothing when it is installed', async () => {
    const { scripts = {} } = await manifestOf(installed)
    const run = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare']
    expect(run.filter((name) => name in scripts)).toEqual([])
    expect(existsSync(join(installed, 'binding.gyp'))).toBe(false)
  })
})

describe('what the manifest names', () => {
  it('is there: each target of exports and bin', async () => {
    const { exports, bin } = await manifestOf(installed)
    const targets = Object.values(exports).flatMap((target) =>
      typeof target === 'string' ? [target] : [target.types, target.default],
    )
    expect(targets.length).toBeGreaterThan(10)
    const named = [...targets, ...Object.values(bin)]
    expect(named.filter((target) => !existsSync(join(installed, target)))).toEqual([])
  })

  it('is a program for each bin', async () => {
    const { bin } = await manifestOf(installed)
    for (const target of Object.values(bin))
      expect(readFileSync(join(installed, target), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
  })
})
