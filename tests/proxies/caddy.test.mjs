// The tracker behind Caddy as deploy/Caddyfile sets it up: TLS and HTTP/2, and the client's address in X-Forwarded-For.

import { testBehind } from './cases.mjs'
import { startCaddy } from './deployed.mjs'

testBehind('caddy', startCaddy, ['--listen', '127.0.0.1:0'])
