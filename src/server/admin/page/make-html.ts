/**
 * Makes the status page: the HTML, the style sheet and the script of `src/server/admin/page/client`, in one string of
 * `src/server/admin/page/html.ts`. That file is committed, so that the library is built by `tsc` alone and the page needs no
 * file beside it, on any runtime and in any bundle. A test says when it has become stale.
 *
 *     npm run page
 */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const folder: string = fileURLToPath(new URL('./', import.meta.url))
const TARGET = `${folder}html.ts`
/** In the order of the cascade. */
const STYLES = ['base', 'head', 'overview', 'failures', 'table', 'dialog', 'phone', 'motion']

/** @returns what `html.ts` must hold */
export async function statusPageModule(): Promise<string> {
  const page = await readFile(`${folder}client/page.html`, 'utf8')
  const styles = STYLES.map((name) => readFile(`${folder}client/style/${name}.css`, 'utf8'))
  const style = (await Promise.all(styles)).join('\n').replaceAll(/\/\*[\s\S]*?\*\/\s*/g, '')
  const script = await bundled(`${folder}client/main.ts`)
  const html = fill(fill(page, '/* style */', style), '/* script */', script)
  return `// Made by \`npm run page\` from what is in client/. Never edited by hand.

export const HTML: string = ${literal(html)}

/** For the content security policy. */
export const STYLE_HASH: string = '${hash(style)}'
export const SCRIPT_HASH: string = '${hash(script)}'
`
}

async function bundled(input: string): Promise<string> {
  await using build = await rolldown({ input })
  const { output } = await build.generate({ format: 'es', comments: false })
  if (output.length !== 1) throw new Error('The script of the page must come out as one piece.')
  return output[0].code
}

function fill(page: string, mark: string, content: string): string {
  // Inside of an element, only its end tag and the beginning of a comment mean something.
  if (/<\/(script|style)|<!--/i.test(content)) throw new Error(`${mark} holds markup that would end it.`)
  if (page.split(mark).length !== 2) throw new Error(`page.html must hold ${mark} once.`)
  return page.replace(mark, () => content)
}

function literal(text: string): string {
  return `\`${text.replaceAll(/[\\`]|\$(?=\{)/g, '\\$&')}\``
}

function hash(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}

if (import.meta.main) await writeFile(TARGET, await statusPageModule())
