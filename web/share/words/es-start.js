// @ts-check
// Spanish: the texts of the start view, by the English text. docs/embed.md says how to contribute a language.

/** @type {import('../../common/words.js').Words} */
export default {
  'A part of this page could not be loaded. Try again in a moment, or reload the page.':
    'No se pudo cargar una parte de esta página. Intentar de nuevo en un momento o recargar la página.',
  'Loading…': 'Cargando…',
  'Drop to share': 'Soltar para compartir',
  'Share a text': 'Compartir un texto',
  'Open a link': 'Abrir un enlace',
  Options: 'Opciones',
  'Choose a folder': 'Elegir una carpeta',
  'Share files, browser to browser': 'Compartir archivos, de navegador a navegador',
  'Choose files': 'Elegir archivos',
  'Choose a file': 'Elegir un archivo',
  'Drop files or a folder anywhere on this page, or choose them.':
    'Soltar archivos o una carpeta en cualquier lugar de esta página, o elegirlos.',
  'Drop files or a folder here, or choose them.': 'Soltar aquí archivos o una carpeta, o elegirlos.',
  'Drop a file anywhere on this page, or choose it.':
    'Soltar un archivo en cualquier lugar de esta página, o elegirlo.',
  'Drop a file here, or choose it.': 'Soltar aquí un archivo, o elegirlo.'
}
