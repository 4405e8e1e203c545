// Compares the types of the npm package with the source: "npm run check" fails where they differ. Nothing runs this file.

import type { SwarmCheckElement } from '../check/index.js'
import type { SwarmShareElement } from '../embed/index.js'
import type * as check from '../embed/package/check.js'
import type * as share from '../embed/package/index.js'
import type * as events from '../share/elements/event-reporter.js'
import type { Shared, ShareState } from '../share/elements/share-view.js'
import type { ErrorCode, ShareError } from '../share/lib/error-codes.js'
import type { PublicFile } from '../share/lib/public-file.js'

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : [B, 'is not', A]) : [A, 'is not', B]
type IsTrue<T extends true> = T
/** A type of the source may be wider, if the package has a list of words: test/package.test.mjs compares the words. */
type Narrows<A, B> = A extends B ? true : [A, 'is not', B]

/** What an element has beside its base class. */
type Own<E, Internal> = Exclude<keyof E, keyof HTMLElement | Internal>
/** The life of an element, for the browser and for its base classes. */
type Life = 'adoptProperties' | 'build' | 'start' | `${string}Callback`
/** What the sharing page and the fragment of the address use. */
type ForPages = 'confirmLeave' | 'loss' | 'receiving' | 'isSharing'
/** Words from a list. */
type Words = 'encryption' | 'link' | 'drop' | 'theme'

type DeclaredShare = Own<share.SwarmShareElement, never>
type DeclaredCheck = Own<check.SwarmCheckElement, never>

export type Checks = [
  IsTrue<Same<DeclaredShare, Own<SwarmShareElement, Life | ForPages>>>,
  IsTrue<
    Same<
      Pick<share.SwarmShareElement, Exclude<DeclaredShare, Words>>,
      Pick<SwarmShareElement, Exclude<DeclaredShare, Words>>
    >
  >,
  IsTrue<Narrows<Pick<share.SwarmShareElement, Words>, Pick<SwarmShareElement, Words>>>,
  IsTrue<Same<DeclaredCheck, Own<SwarmCheckElement, Life>>>,
  IsTrue<Same<Pick<check.SwarmCheckElement, DeclaredCheck>, Pick<SwarmCheckElement, DeclaredCheck>>>,
  // Every property that can be set is one of the element.
  IsTrue<Same<Exclude<keyof share.SwarmShareProperties, DeclaredShare>, never>>,
  IsTrue<Same<Exclude<keyof check.SwarmCheckProperties, DeclaredCheck>, never>>,
  IsTrue<Same<share.ErrorCode, ErrorCode>>,
  IsTrue<Same<keyof share.ShareError, keyof ShareError>>,
  IsTrue<Same<share.ShareError['code'], ShareError['code']>>,
  IsTrue<Same<share.ShareState, ShareState>>,
  IsTrue<Same<share.ShareFile, PublicFile>>,
  IsTrue<Same<share.Shared, Shared>>,
  IsTrue<Same<share.SharedDetail, events.SharedDetail>>,
  IsTrue<Same<share.PeerDetail, events.PeerDetail>>,
  IsTrue<Narrows<share.ProgressDetail, events.ProgressDetail>>,
  IsTrue<Same<keyof share.ProgressDetail, keyof events.ProgressDetail>>,
  IsTrue<Same<share.DoneDetail, events.DoneDetail>>,
  IsTrue<Narrows<share.ErrorDetail, events.ErrorDetail>>,
  IsTrue<Same<keyof share.ErrorDetail, keyof events.ErrorDetail>>
]
