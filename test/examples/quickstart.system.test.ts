import { expect, test } from 'vitest'
import { runExample } from './run-example.ts'

test('quickstart.ts indexes every repo of each collection and ends', async () => {
  const { code, stdout, stderr } = await runExample('quickstart.ts')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('app.bsky.actor.profile: page 5, 9000 repos, complete\n')
  expect(
    stdout
      .split('\n')
      .filter((line) => line.endsWith('repos indexed'))
      .sort(),
  ).toEqual([
    'app.bsky.actor.profile: 9000 repos indexed',
    'app.bsky.feed.post: 7500 repos indexed',
    'com.whtwnd.blog.entry: 40 repos indexed',
  ])
})
