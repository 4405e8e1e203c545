// The tracker behind HAProxy as deploy/haproxy.cfg sets it up: TLS, and the client's address in PROXY protocol v2.

import { testBehind } from './cases.mjs'
import { startHaproxy } from './deployed.mjs'

testBehind('haproxy', startHaproxy, ['--listen', 'proxy+127.0.0.1:0'])
