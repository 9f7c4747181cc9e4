import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { makePage } from './src/server/admin/page/make-page.ts'
import { hasten } from './test/support/hasten.ts'

const src = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

hasten()

// The server's page is made by the build; the tests run on the sources, and want one that is not stale.
await makePage()

const config: ViteUserConfig = defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 120_000,
    // More than cores, since most of the time a test waits: for a server, a process, or the end of a wait.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    // Where files are not isolated, a worker loads the modules once for all of its files.
    // The name of a test says what it needs: `x.test.ts` nothing, `x.database.test.ts` a database,
    // `x.system.test.ts` processes, a terminal or a browser, and mostly a database too.
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          isolate: false,
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.{database,system}.test.ts', 'test/package/**', 'test/databases/**'],
        },
      },
      ...['database', 'system'].map((name) => ({
        extends: true as const,
        test: {
          name,
          // Tests of processes change what all of their own process share: its folder, its variables.
          isolate: name === 'system',
          include: [`test/**/*.${name}.test.ts`],
          globalSetup: './test/support/global-setup.ts',
        },
      })),
      {
        extends: true,
        test: {
          name: 'databases',
          include: ['test/databases/*.test.ts'],
          globalSetup: './test/databases/setup.ts',
        },
      },
      {
        extends: true,
        test: {
          name: 'package',
          include: ['test/package/*.test.ts'],
          // Compilers run at once.
          testTimeout: 120_000,
          globalSetup: './test/package/setup.ts',
        },
      },
    ],
  },
  resolve: {
    alias: [
      { find: /^atproto-collection-backfill$/, replacement: src('index.ts') },
      {
        find: /^atproto-collection-backfill\/(kysely|live|postgres|sqlite|opentelemetry|server|testing)$/,
        replacement: src('$1/index.ts'),
      },
    ],
  },
})

export default config
