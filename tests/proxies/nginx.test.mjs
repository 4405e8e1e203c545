// The tracker behind nginx, Debian's and a current one, with deploy/nginx.conf: TLS, client addresses in
// X-Forwarded-For.

import { testBehind } from './cases.mjs'
import { startCurrentNginx, startNginx } from './deployed.mjs'
import { CURRENT_NGINX } from './proxy.mjs'

testBehind('nginx', startNginx, ['--listen', '127.0.0.1:0'])
testBehind(CURRENT_NGINX, startCurrentNginx, ['--listen', '127.0.0.1:0'])
