// The tracker behind HAProxy with deploy/haproxy.cfg: TLS, client addresses in PROXY protocol v2.

import { testBehind } from './cases.mjs'
import { startHaproxy } from './deployed.mjs'

testBehind('haproxy', startHaproxy, ['--listen', 'proxy+127.0.0.1:0'])
