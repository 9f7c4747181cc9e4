import { describe, expect, it } from 'vitest'
import { hostReader } from '../../src/crawl/host-address.ts'
import { InvalidOptionError } from '../../src/errors.ts'

const read = hostReader()

describe('a host that a stranger names', () => {
  it.each([
    ['pds.example', 'pds.example', 'https://pds.example'],
    ['PDS.Example.', 'pds.example', 'https://pds.example'],
    ['https://pds.example', 'pds.example', 'https://pds.example'],
    ['https://pds.example/', 'pds.example', 'https://pds.example'],
    ['https://pds.example:443', 'pds.example', 'https://pds.example'],
    ['pds.example:8443', 'https://pds.example:8443', 'https://pds.example:8443'],
    ['bücher.example', 'xn--bcher-kva.example', 'https://xn--bcher-kva.example'],
    ['8.8.8.8', '8.8.8.8', 'https://8.8.8.8'],
    ['172.32.0.1', '172.32.0.1', 'https://172.32.0.1'],
    ['[2606:4700::1111]', '[2606:4700::1111]', 'https://[2606:4700::1111]'],
    ['notlocalhost.example', 'notlocalhost.example', 'https://notlocalhost.example'],
  ])('may be %s', (given, host, origin) => {
    expect(read(given)).toEqual({ host, origin })
  })

  it.each([
    '',
    ' ',
    7,
    null,
    'ftp://pds.example',
    'https://pds.example/path',
    'pds.example/path',
    'user@pds.example',
    'https://user:secret@pds.example',
    'pds.example?x',
    'pds.example#x',
    'pds..example',
    '.example',
    'pds.example:99999',
    'a b.example',
    'did:plc:aaa',
    `${'a'.repeat(400)}.example`,
  ])('is none where it is %j', (given) => {
    expect(read(given)).toMatchObject({ problem: expect.stringMatching(/no name of a host/) })
  })

  it.each([
    'localhost',
    'pds.localhost',
    'pds',
    'pds.local',
    'db.internal',
    'router.home.arpa',
    'hidden.onion',
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    '2130706433',
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '169.254.169.254',
    '172.31.255.255',
    '192.168.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '[::1]',
    '[::]',
    '[fe80::1]',
    '[fd00::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:8.8.8.8]',
    '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]',
    '[2001:db8::1]',
    'https://localhost:2583',
    'http://127.0.0.1:2583',
  ])('is not asked where it is %s', (given) => {
    expect(read(given)).toMatchObject({ problem: expect.stringMatching(/private network.*allowHosts/) })
  })

  it('is not asked without TLS', () => {
    expect(read('http://pds.example')).toMatchObject({ problem: expect.stringMatching(/without TLS/) })
  })
})

describe('a host that is allowed by its name', () => {
  it.each<[string, string, string | undefined]>([
    ['localhost', 'localhost:2583', 'http://localhost:2583'],
    ['localhost', 'https://localhost', 'https://localhost'],
    ['localhost', 'other.localhost', undefined],
    ['127.0.0.1:2583', '127.0.0.1:2583', 'http://127.0.0.1:2583'],
    ['127.0.0.1:2583', '127.0.0.1:2584', undefined],
    ['127.*', '127.1.2.3:99', 'http://127.1.2.3:99'],
    ['127.*', '128.1.2.3', 'https://128.1.2.3'],
    ['127.*', '10.1.2.3', undefined],
    ['*.internal', 'pds.internal', 'http://pds.internal'],
    ['*.internal', 'internal', undefined],
    ['[::1]', '[::1]:99', 'http://[::1]:99'],
    ['pds.example', 'http://pds.example', 'http://pds.example'],
    ['pds.example', 'pds.example', 'https://pds.example'],
  ])('%s: %s', (allowed, given, origin) => {
    expect(Object(hostReader({ allowHosts: [allowed] })(given)).origin).toBe(origin)
  })

  it.each(['', '*', '*.*', 'a*b', 'http://localhost', 'a b'])('%j is no such name', (allowed) => {
    expect(() => hostReader({ allowHosts: [allowed] })).toThrow(InvalidOptionError)
  })
})
