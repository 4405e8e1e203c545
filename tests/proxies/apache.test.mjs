// The tracker behind Apache as deploy/apache.conf sets it up: TLS, and the client's address in X-Forwarded-For.

import { testBehind } from './cases.mjs'
import { startApache } from './deployed.mjs'

testBehind('apache2', startApache, ['--listen', '127.0.0.1:0'])
