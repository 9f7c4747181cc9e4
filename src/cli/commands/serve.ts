import { bearerCheck } from '../../server/admin/bearer-token.ts'
import { type Context, EXIT } from '../context.ts'
import { type Database, nameOf } from '../database.ts'
import { createTextMeter } from '../metrics/text-meter.ts'
import { relaysOf } from '../relay-options.ts'
import { createRequestMetrics } from '../serve/request-metrics.ts'
import { mustServeSome } from '../serve/serve-filter.ts'
import { healthCheck } from '../serve/serve-health.ts'
import { SERVE_PORT, type ServeOptions } from '../serve/serve-options.ts'
import { jsonServeReport, textServeReport } from '../serve/serve-report.ts'
import { serveRoutes } from '../serve/serve-routes.ts'
import { createService } from '../serve/service.ts'
import { startWebServer, type WebServer } from '../web-server.ts'

/** Keeps an index up to date and serves it, until it is told to end. @returns the exit code */
export async function serve(options: ServeOptions, database: Database, context: Context): Promise<number> {
  const { listen: host, port = SERVE_PORT, metricsPort, adminToken } = options
  const { signal } = context.interruption
  mustServeSome(options)
  const relays = relaysOf(options)
  if (adminToken !== undefined) bearerCheck(adminToken)
  const meter = createTextMeter()
  const service = createService({ options, database, context, relays, meter })
  const report = options.json
    ? jsonServeReport(service.view, context)
    : textServeReport(service.view, context)
  const onAnswer = createRequestMetrics(meter)
  const metrics = () => meter.text()
  const onError = (error: unknown) => report.fail('server', error)
  const routes = {
    health: healthCheck(service.index, service.health),
    metrics,
    xrpc: service.xrpc,
    admin: adminToken === undefined ? (false as const) : service.admin,
    onAnswer,
  }
  const servers: WebServer[] = []
  const close = async () => {
    await Promise.all(servers.map((server) => server.close()))
  }
  try {
    // The port comes first: in use, it ends the command before anything else is touched.
    const mainRoutes = serveRoutes({ ...routes, metrics: metricsPort === undefined ? metrics : undefined })
    servers.push(await startWebServer({ host, port, handle: mainRoutes, onError }))
    if (metricsPort !== undefined) {
      const handle = serveRoutes({ ...routes, xrpc: () => undefined, admin: false })
      servers.push(await startWebServer({ host, port: metricsPort, handle, onError }))
    }
    report.begin({
      relays: relays.map(({ relay }) => relay),
      feed: service.feed,
      database: nameOf(database),
      url: servers[0]?.url ?? '',
    })
    await service.run(report, { beforeClosing: close })
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    report.end()
    await close()
  }
  return context.interruption.isAsked ? EXIT.complete : context.interruption.exitCode
}
