import { describe, expect, it } from 'vitest'
import { answered, halved, OPEN, type Pace, probing, roomOf } from '../../src/http/pacing-state.ts'

const recovering = (room: number, answers = 0, peak = 8): Pace => ({
  name: 'recovering',
  room,
  answers,
  peak,
})
const probe = (next: Pace): Pace => probing(next)

describe('a pace', () => {
  it.each<[string, Pace, Pace]>([
    ['open, with 8 under way', halved(OPEN, 8), recovering(4)],
    ['open, with one under way', halved(OPEN, 1), recovering(1, 0, 1)],
    ['recovering, as many under way as there is room', halved(recovering(4, 3), 4), recovering(2)],
    ['recovering, with more under way than there is room', halved(recovering(4), 7), recovering(2)],
    ['probing: no more than one was asked', halved(probe(recovering(4)), 1), probe(recovering(4))],
  ])('is halved, but never below one: %s', (_, pace, expected) => {
    expect(pace).toEqual(expected)
  })

  it.each<[string, Pace, Pace]>([
    ['open', probing(OPEN), { name: 'probing', next: OPEN } as Pace],
    ['recovering', probing(recovering(4, 1)), { name: 'probing', next: recovering(4, 1) } as Pace],
    ['probing', probing(probe(recovering(4))), probe(recovering(4))],
  ])('is probing once the server refuses: %s', (_, pace, expected) => {
    expect(pace).toEqual(expected)
  })

  it.each<[string, Pace, Pace]>([
    ['open', answered(OPEN), OPEN],
    ['recovering, in the middle of a round', answered(recovering(4, 1)), recovering(4, 2)],
    ['recovering, at the end of a round', answered(recovering(4, 3)), recovering(5)],
    ['recovering, where it was too much before', answered(recovering(8, 7)), OPEN],
    ['probing', answered(probe(recovering(4, 1))), recovering(4, 1)],
  ])('grows with each round of answers: %s', (_, pace, expected) => {
    expect(pace).toEqual(expected)
  })

  it('says how many requests may be under way at once', () => {
    const rooms = [OPEN, recovering(3), probe(OPEN), probe(recovering(3))].map(roomOf)
    expect(rooms).toEqual([Number.POSITIVE_INFINITY, 3, 1, 1])
  })
})
