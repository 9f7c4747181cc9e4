import { createHttpClient } from '../../http/client.ts'
import { relayUrl } from '../../http/server-url.ts'
import { lexiconGarden } from '../../sources/lexicon-garden.ts'
import { plural } from '../../util/format.ts'
import { type Finding, type Looks, look } from './findings.ts'

/** Whether the list of lexicons can be read. */
export function checkGarden(url: string | undefined, parts: Looks): Promise<readonly Finding[]> {
  const subject = `lexicons of ${url === undefined ? 'lexicon.garden' : hostOf(url)}`
  const take = async (signal: AbortSignal): Promise<Finding> => {
    const { length } = await Array.fromAsync(lexiconGarden({ url }).collections({ signal }))
    return { subject, state: 'ok', found: plural(length, 'lexicon') }
  }
  return look(subject, parts, take, {
    state: 'warn',
    advice: 'Give names with --collection, or --source directory.',
  })
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url
}

/** A DID that the directory has had from its beginning: that of atproto.com. */
const KNOWN_DID = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz'

/** Whether the directory of DIDs answers. A mirror, or one of a network of its own, need not know that DID. */
export function checkPlc(plc: string, parts: Looks): Promise<readonly Finding[]> {
  const subject = `DIDs of ${plc}`
  const take = async (signal: AbortSignal): Promise<Finding> => {
    const { relay, origin } = relayUrl(plc, 'plc')
    const url = new URL(`/${KNOWN_DID}`, origin)
    const asked = { relay, url, collection: undefined, cursor: undefined, accept: 'application/json', signal }
    const startedAt = performance.now()
    const found = await createHttpClient({})
      .get(asked)
      .then(
        () => 'a document came',
        (error) => {
          if (error?.status !== 404) throw error
          return 'it answers'
        },
      )
    return { subject, state: 'ok', found: `${found} in ${Math.round(performance.now() - startedAt)} ms` }
  }
  return look(subject, parts, take, {
    state: 'warn',
    advice: 'index, serve and compare --resolve need it. --plc names another one.',
  })
}
