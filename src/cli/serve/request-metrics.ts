import type { TextMeter } from '../metrics/text-meter.ts'

/** Counts the answers of the service, by route and status, and how long they took. */
export function createRequestMetrics(
  meter: Pick<TextMeter, 'createCounter' | 'createHistogram'>,
): (route: string, status: number, durationMs: number) => void {
  const answers = meter.createCounter('atproto.backfill.server.answers', {
    description: 'Requests that this service has answered.',
    unit: '{request}',
  })
  const duration = meter.createHistogram('atproto.backfill.server.answer.duration', {
    description: 'How long the answers took until they could be sent.',
    unit: 's',
  })
  return (route, status, durationMs) => {
    const attributes = { 'atproto.backfill.server.route': route }
    answers.add(1, { ...attributes, 'http.response.status_code': status })
    duration.record(durationMs / 1000, attributes)
  }
}
