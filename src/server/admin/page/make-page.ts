/**
 * Makes the status page: the HTML, the style sheets and the script of `client/` in one module, so that a server has the
 * page without a file beside it, on any runtime and in any bundle. The build writes the module to the folder that it is
 * given; every run of the tests writes it beside this file, and it is not committed.
 *
 *     node make-page.ts FOLDER
 */
import { createHash } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const here: string = fileURLToPath(new URL('./', import.meta.url))
/** In the order of the cascade. */
const STYLES = ['base', 'head', 'overview', 'failures', 'table', 'dialog', 'phone', 'motion']

/** Writes `page-bundle.js`, which `page-bundle.d.ts` describes. */
export async function makePage(folder: string = here): Promise<void> {
  const file = join(folder, 'page-bundle.js')
  const made = `${file}.${process.pid}`
  await writeFile(made, await pageModule())
  // At once: another process may be loading it.
  await rename(made, file)
}

async function pageModule(): Promise<string> {
  const page = await readFile(`${here}client/page.html`, 'utf8')
  const styles = STYLES.map((name) => readFile(`${here}client/style/${name}.css`, 'utf8'))
  const style = (await Promise.all(styles)).join('\n').replaceAll(/\/\*[\s\S]*?\*\/\s*/g, '')
  const script = await bundled(`${here}client/page-main.ts`)
  const html = fill(fill(page, '/* style */', style), '/* script */', script)
  return `// Made by make-page.ts.
export const HTML = ${JSON.stringify(html)}
export const STYLE_HASH = '${hash(style)}'
export const SCRIPT_HASH = '${hash(script)}'
`
}

async function bundled(input: string): Promise<string> {
  await using build = await rolldown({ input })
  const { output } = await build.generate({ format: 'es', comments: false, minify: true })
  if (output.length !== 1) throw new Error('The script of the page must come out as one piece.')
  return output[0].code
}

function fill(page: string, mark: string, content: string): string {
  // Inside of an element, only its end tag and the beginning of a comment mean something.
  if (/<\/(script|style)|<!--/i.test(content)) throw new Error(`${mark} holds markup that would end it.`)
  if (page.split(mark).length !== 2) throw new Error(`page.html must hold ${mark} once.`)
  return page.replace(mark, () => content)
}

function hash(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}

if (import.meta.main) await makePage(process.argv[2])
