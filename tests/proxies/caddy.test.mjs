// The tracker behind Caddy with deploy/Caddyfile: TLS and HTTP/2, client addresses in X-Forwarded-For.

import { testBehind } from './cases.mjs'
import { startCaddy } from './deployed.mjs'

testBehind('caddy', startCaddy, ['--listen', '127.0.0.1:0'])
