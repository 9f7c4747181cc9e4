import { describe, it } from 'vitest'
import { type RepoIndex, relayLister } from '../../../src/index.ts'
import { xrpcHandler } from '../../../src/server/index.ts'
import { repoListerSuite, type ServePage } from '../../../src/testing/index.ts'
import { serve } from '../../support/serve.ts'

/** An index that holds whatever a suite serves, faults included. */
function indexOf(servePage: ServePage, cutting: Set<string>): RepoIndex {
  return {
    async listRepos(collection, { cursor } = {}) {
      const { repos, cursor: next, fault } = servePage({ collection, cursor })
      if (fault === 'stalled') return new Promise(() => {})
      if (fault === 'error') throw new Error('as the suite wishes')
      if (fault === 'cut') cutting.add(collection)
      else cutting.delete(collection)
      return { dids: repos, cursor: next }
    },
  }
}

describe('relayLister keeps its promise with xrpcHandler as its relay', () => {
  for (const { name, run } of repoListerSuite) {
    it(name, () =>
      run(async (servePage) => {
        const cutting = new Set<string>()
        const handler = xrpcHandler({ index: indexOf(servePage, cutting) })
        const served = await serve(async (request) => {
          const answer = await handler(request)
          if (!cutting.has(new URL(request.url).searchParams.get('collection') ?? '')) return answer
          const body = await answer.text()
          return new Response(body.slice(0, body.length >> 1), answer)
        })
        return {
          lister: relayLister(served.url),
          reopen: async () => ({ lister: relayLister(served.url) }),
          [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
        }
      }),
    )
  }
})
