// @ts-check
// German: the texts of the start view, by the English text. docs/embed.md says how to contribute a language.

/** @type {import('../../common/words.js').Words} */
export default {
  'A part of this page could not be loaded. Try again in a moment, or reload the page.':
    'Ein Teil dieser Seite konnte nicht geladen werden. Gleich noch einmal versuchen oder die Seite neu laden.',
  'Loading…': 'Wird geladen …',
  'Drop to share': 'Zum Teilen loslassen',
  'Share a text': 'Text teilen',
  'Open a link': 'Link öffnen',
  Options: 'Optionen',
  'Choose a folder': 'Ordner auswählen',
  'Share files, browser to browser': 'Dateien teilen, von Browser zu Browser',
  'Choose files': 'Dateien auswählen',
  'Choose a file': 'Datei auswählen',
  'Drop files or a folder anywhere on this page, or choose them.':
    'Dateien oder einen Ordner irgendwo auf diese Seite ziehen oder auswählen.',
  'Drop files or a folder here, or choose them.': 'Dateien oder einen Ordner hierher ziehen oder auswählen.',
  'Drop a file anywhere on this page, or choose it.': 'Eine Datei irgendwo auf diese Seite ziehen oder auswählen.',
  'Drop a file here, or choose it.': 'Eine Datei hierher ziehen oder auswählen.'
}
