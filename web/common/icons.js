// @ts-check
// The icons that the first view of a page does not need. Importing it adds them to those of dom.js.

import { ICONS } from './dom.js'

Object.assign(ICONS, {
  arrowDown: 'M12 5v14M6 13l6 6 6-6',
  bell: 'M6 17v-6a6 6 0 0 1 12 0v6l1.5 1.5h-15zM10 21h4',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  open: 'M2 12s3.5-6.5 10-6.5S22 12 22 12s-3.5 6.5-10 6.5S2 12 2 12zM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z',
  plus: 'M12 5v14M5 12h14',
  people:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-3.6 2.9-6 6.5-6s6.5 2.4 6.5 6M16 4.3a3.5 3.5 0 0 1 0 6.4M18 14.6c2.1.8 3.5 2.7 3.5 5.4',
  save: 'M12 4v11M7 10.5l5 5 5-5M4.5 20h15',
  share: 'M12 15V3M7.5 7L12 2.8 16.5 7M6 11H4.5v10h15V11H18',
  stop: 'M7 7h10v10H7z',
  clock: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 7.5V12l3 2',
  close: 'M6 6l12 12M18 6L6 18'
})
