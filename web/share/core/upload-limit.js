// @ts-check
// The upload limit of a sender, which the browser remembers. It limits nothing itself: the engine does. The session and the
// view of the sender use it.

const KEY = 'swarmhub-upload-limit'
/** Bytes per second that the user can choose. */
export const UPLOAD_LIMITS = [1_000_000, 5_000_000, 20_000_000]

/** Returns the remembered limit in bytes per second, or null: there is none. */
export function uploadLimit() {
  try {
    const bytes = Number(localStorage.getItem(KEY))
    return UPLOAD_LIMITS.includes(bytes) ? bytes : null
  } catch {
    // Storage is forbidden here, as in some frames.
    return null
  }
}

/** @param {number | null} bytesPerSecond */
export function rememberUploadLimit(bytesPerSecond) {
  try {
    if (bytesPerSecond === null) localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, String(bytesPerSecond))
  } catch {
    // It lasts as long as the share.
  }
}
