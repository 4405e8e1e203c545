// The tracker behind nginx as deploy/nginx.conf sets it up: TLS, WebSocket, and the client's address in X-Forwarded-For.

import { testBehind } from './cases.mjs'
import { startNginx } from './proxy.mjs'

testBehind('nginx', startNginx, ['--listen', '127.0.0.1:0'])
