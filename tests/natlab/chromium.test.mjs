// The cases of cases.mjs in Chromium. Runs inside `isolated`.

import { testCases } from './browser-cases.mjs'

testCases(({ browser }) => browser !== 'firefox')
