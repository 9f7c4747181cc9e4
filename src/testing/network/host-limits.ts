import { type Answer, errorAnswer } from '../transfer.ts'
import type { HostLimit, HostRequest } from './network-options.ts'

/** A proxy's refusal, as that of bsky.network's hosts has it: no JSON, and nothing of how long to wait. */
const PLAIN_REFUSAL =
  '<html>\r\n<head><title>429 Too Many Requests</title></head>\r\n<body>\r\n<center><h1>429 Too Many Requests</h1>' +
  '</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n'

/** Counts requests against the limits of hosts and groups. */
export interface HostLimits {
  /** The refusal of a request that is over its host's limit. */
  refusal(request: HostRequest, limit: HostLimit): Answer | undefined
}

export function createLimits(): HostLimits {
  /** How many requests came in the present span of time, by the name of the host or of the group that shares a limit. */
  const spans = new Map<string, { endsAt: number; requests: number }>()
  return {
    refusal({ host, group, at }, { requests, windowMs, shared = false, headers = false }) {
      const name = shared ? `group ${group}` : `host ${host}`
      const current = spans.get(name)
      const span =
        current !== undefined && at < current.endsAt ? current : { endsAt: at + windowMs, requests: 0 }
      spans.set(name, span)
      span.requests += 1
      if (span.requests <= requests) return undefined
      return headers ? toldRefusal(requests, span.endsAt - at) : plainRefusal()
    },
  }
}

function plainRefusal(): Answer {
  return { status: 429, headers: { 'content-type': 'text/html' }, body: PLAIN_REFUSAL }
}

/** As the official server library refuses. */
function toldRefusal(requests: number, leftMs: number): Answer {
  const answer = errorAnswer(429, 'RateLimitExceeded', 'Rate Limit Exceeded')
  const told = {
    'retry-after': String(Math.ceil(leftMs / 1000)),
    'ratelimit-limit': String(requests),
    'ratelimit-remaining': '0',
    'ratelimit-reset': String(Math.floor((Date.now() + leftMs) / 1000)),
  }
  return { ...answer, headers: { ...answer.headers, ...told } }
}
