import { parseArgs } from 'node:util'
import { startPostgresServer } from '../support/postgres-server.ts'
import { CRAWL_SCENE, type CrawlReport, runCrawlScene } from './crawl-scene.ts'
import { wholeNumber } from './options.ts'

/** `npm run chaos -- --scene crawl [--hosts 2800] [--repos 300000] [--workers 3] [--rate 80] [--every 12]` */
export async function crawlMain(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scene: { type: 'string' },
      hosts: { type: 'string', default: String(CRAWL_SCENE.hosts) },
      repos: { type: 'string', default: String(CRAWL_SCENE.repos) },
      workers: { type: 'string', default: String(CRAWL_SCENE.workers) },
      rate: { type: 'string', default: String(CRAWL_SCENE.requestsPerSecond) },
      every: { type: 'string', default: String(CRAWL_SCENE.disturbEveryMs / 1000) },
    },
  })
  const scene = {
    ...CRAWL_SCENE,
    hosts: wholeNumber('hosts', values.hosts, 50),
    repos: wholeNumber('repos', values.repos, 100),
    workers: wholeNumber('workers', values.workers, 1),
    requestsPerSecond: wholeNumber('rate', values.rate, 1),
    disturbEveryMs: 1000 * wholeNumber('every', values.every, 1),
  }
  console.log(`${scene.workers} processes crawl ${scene.hosts} hosts with ${scene.repos} repos`)
  await using server = await startPostgresServer()
  const report = await runCrawlScene(scene, {
    databaseUrl: server.url,
    signal,
    say: (line) => console.log(line),
  })
  console.log(`\n${crawlFigures(report).join('\n')}\n`)
  console.log(report.broken.length === 0 ? 'The promise was kept.' : `Broken:\n${report.broken.join('\n')}`)
  return report.broken.length === 0 ? 0 : 1
}

function crawlFigures(report: CrawlReport): string[] {
  const told = Array.from(report.told, ([what, times]) => `${what} ${times}`).join(', ')
  return [
    `${Math.round(report.seconds)} s, ${report.kills} kills, ${report.pauses} pauses; told: ${told}`,
    `${report.requests} requests, ${report.refused} of them refused, ${report.repeated} for a repo once more`,
    `busiest second of a host: ${report.busiest} (at most ${report.allowed}), of the group: ${report.groupBusiest} (at most ${report.groupAllowed})`,
    `pairs: ${report.pairsHeld} of ${report.pairsExpected}`,
    `most memory of a process: ${Math.round(report.memory / 1e6)} MB`,
  ]
}
