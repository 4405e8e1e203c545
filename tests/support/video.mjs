// Plays videos of pages under test.

import { eventually } from './wait.mjs'

/** Waits for data, seeks to the middle, and waits until the video plays from there. @param {import('playwright-core').Locator} video @param {number} ms for each step */
export async function playFromMiddle (video, ms) {
  await video.evaluate(video => { video.muted = true })
  await eventually(ms, () => video.evaluate(video => video.readyState >= 2), 'data of the video')
  const middle = await video.evaluate(video => {
    const middle = video.duration / 2
    video.currentTime = middle
    return middle
  })
  await video.evaluate(video => video.play())
  await eventually(ms, () => video.evaluate((video, from) => video.currentTime > from, middle), 'the video to play from there')
}
