/**
 * Loaded before a program of the documents, which lies in a folder of its own: it finds the packages of this project, and
 * servers on this machine answer what it asks of the network.
 */
import { registerHooks } from 'node:module'

registerHooks({
  resolve: (specifier, context, nextResolve) =>
    nextResolve(specifier, /^[\w@]/.test(specifier) ? { ...context, parentURL: import.meta.url } : context),
})

const { STAND_IN_RELAY = '', STAND_IN_GARDEN = '' } = process.env
const realFetch = globalThis.fetch

/** The URL on this machine; nothing for a server that takes everything. */
function standIn(url: URL): URL | undefined {
  if (url.protocol === 'data:' || url.hostname === '127.0.0.1') return url
  if (url.host === 'lexicon.garden') return new URL(STAND_IN_GARDEN)
  if (url.host === 'index.example') return undefined
  if (/^(?:relay1\.us-east\.bsky\.network|relay\.example|plc\.directory)$/.test(url.host)) {
    return new URL(url.pathname + url.search, STAND_IN_RELAY)
  }
  throw new TypeError(`${url.host} has no stand-in.`)
}

globalThis.fetch = async (input, init) => {
  const request = new Request(input, init)
  const url = standIn(new URL(request.url))
  if (url === undefined) return new Response()
  return realFetch(new Request(url, request))
}
