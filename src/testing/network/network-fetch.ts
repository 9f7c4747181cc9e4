/**
 * A `fetch` that reaches the hosts of a test network by their names: `https://pds-7.example.net/xrpc/…` becomes a request
 * to the network's port. Whatever is asked of this machine itself goes there unchanged. Any process can make one from the
 * network's address.
 *
 * @param url {@link TestNetwork.url}
 */
export function networkFetch(url: string): typeof globalThis.fetch {
  return (input, init) => {
    const request = new Request(input, init)
    const { hostname, host, pathname, search } = new URL(request.url)
    if (/^127\./.test(hostname) || hostname === 'localhost') return fetch(request)
    // The directory of DIDs is the network's own.
    const path = hostname === 'plc.directory' ? pathname : `/@${encodeURIComponent(host)}${pathname}`
    return fetch(new Request(`${url}${path}${search}`, request))
  }
}
