// The cases of cases.mjs in Chromium with a TURN server. Runs inside `isolated`.

import { testCases } from './browser-cases.mjs'
import { hasTurn } from './cases.mjs'

testCases(one => one.browser !== 'firefox' && hasTurn(one))
