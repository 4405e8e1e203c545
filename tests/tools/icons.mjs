// Draws the icons of the installed page as PNG files, from their SVG files in web/common/. Systems that cannot draw SVG
// need them. Run it after a change of an icon: "node tests/tools/icons.mjs".

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { launchChromium, root } from '../support/index.mjs'

const FOLDER = join(root, 'web/common')
/** SVG file, PNG file and its size in pixels. */
const ICONS = [['icon.svg', 'icon-192.png', 192], ['icon.svg', 'icon-512.png', 512], ['icon-maskable.svg', 'icon-maskable-512.png', 512]]

const browser = await launchChromium()
try {
  for (const [drawing, picture, size] of ICONS) {
    const page = await browser.newPage({ viewport: { width: size, height: size } })
    const svg = await readFile(join(FOLDER, drawing), 'base64')
    await page.setContent(`<style>body { margin: 0 } img { display: block; width: ${size}px }</style><img src="data:image/svg+xml;base64,${svg}">`)
    await page.waitForFunction(() => document.images[0]?.complete)
    await writeFile(join(FOLDER, picture), await page.screenshot({ omitBackground: true }))
    await page.close()
  }
} finally {
  await browser.close()
}
