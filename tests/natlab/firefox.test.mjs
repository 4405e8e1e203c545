// The cases of cases.mjs in Firefox. Runs inside `isolated`.

import { testCases } from './browser-cases.mjs'

testCases(({ browser }) => browser === 'firefox')
