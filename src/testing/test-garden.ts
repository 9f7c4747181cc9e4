/** A directory of lexicons in the form of lexicon garden's `llms.txt`, with the prose and the bad entry that it has. */
export function gardenText(collections: readonly string[]): string {
  const entries = collections.map(
    (nsid) => `- [\`${nsid}\`](https://lexicon.garden/lexicon/${nsid}/llms.txt)`,
  )
  return `# Lexicon Garden

> Lexicons of the AT Protocol. Each entry links to a page about one of them.

An NSID such as \`com.example.prose.mention\` names a lexicon. In this sentence it is no entry.

- [XRPC reference](https://lexicon.garden/docs/xrpc)
- [\`not-an-nsid\`](https://lexicon.garden/docs/naming)

## Records

${entries.join('\n')}
`
}
