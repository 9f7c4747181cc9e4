import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** The blocks of a language in a document, in their order. */
export function blocksOf(markdown: string, language: string): string[] {
  return [...markdown.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, code]) => code ?? '',
  )
}

/** All blocks of a document with their languages. */
export function fencesOf(markdown: string): { readonly language: string; readonly code: string }[] {
  return [...markdown.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(([, language = '', code = '']) => ({
    language,
    code,
  }))
}

/** What a document leads to inside of the project, as it stands there. */
export function linksOf(markdown: string): string[] {
  return [...markdown.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, link]) => link ?? '')
}

/** The files that a document leads to, as they stand there. */
export function relativeLinksOf(markdown: string): string[] {
  return linksOf(markdown)
    .map((link) => link.split('#')[0] ?? '')
    .filter((path) => path !== '')
}

/** By what the headings of a document are reached. */
export function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
}

/**
 * Compiles files that stand in the project's root, with the project's own settings, and gives the complaints of each. All
 * in one program, since the libraries that they share take longer than the files.
 */
export function complaintsOf(codes: readonly string[]): string[][] {
  const files = new Map(codes.map((code, i) => [`${root}shown-${i}.ts`, code]))
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const host = ts.createCompilerHost(options)
  const { readFile, fileExists } = host
  host.readFile = (name) => files.get(name) ?? readFile(name)
  host.fileExists = (name) => files.has(name) || fileExists(name)
  const program = ts.createProgram([...files.keys()], options, host)
  return [...files.keys()].map((name) =>
    ts
      .getPreEmitDiagnostics(program, program.getSourceFile(name))
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
  )
}
