// The tracker behind Apache with deploy/apache.conf: TLS, client addresses in X-Forwarded-For.

import { testBehind } from './cases.mjs'
import { startApache } from './deployed.mjs'

testBehind('apache2', startApache, ['--listen', '127.0.0.1:0'])
