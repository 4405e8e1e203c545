// Makes the custom elements manifest of the npm package from the tables of docs/embed.md and docs/check.md and from the
// types. Editors and documentation tools read it. https://github.com/webcomponents/custom-elements-manifest

import { readFile } from 'node:fs/promises'

/** @typedef {{ name: string, text: string, extra: string }} Row */

const CLASS = /^export declare class .*?^}/ms
const EVENTS = /^export interface \w+EventMap .*?^}/ms

/** @param {string} path */
const read = path => readFile(new URL(path, import.meta.url), 'utf8')

/** Returns the manifest. */
export async function elementsManifest() {
  const [embed, check] = await Promise.all([read('../../docs/embed.md'), read('../../docs/check.md')])
  const [embedTypes, checkTypes] = await Promise.all([read('package/index.d.ts'), read('package/check.d.ts')])
  const properties = rows(embed, '| property or method | |')
  const [methods, fields] = split(properties, ({ name }) => name.endsWith(')'))
  const cssProperties = rows(embed, '| property | |').map(({ name, text }) => ({ name, description: text }))
  const share = {
    ...declaration('swarm-share', 'SwarmShareElement', embedTypes, rows(embed, '| attribute | value | default |')),
    description: 'Shares files from browser to browser.',
    events: rows(embed, '| event | detail | when |').map(row => event(row, embedTypes)),
    cssProperties,
    cssParts: parts(embed, /styles the parts (.*?)\. /s),
    slots: [
      { name: 'start', description: 'Appears below the start view.' },
      { name: '', description: 'Appears if the element does not start.' }
    ]
  }
  share.members.push(...fields.map(row => field(row, embedTypes)), ...methods.map(method))
  const other = rows(check, '| property, method, event | |')
  const [events, members] = split(other, ({ isEvent }) => isEvent)
  const [checkMethods, checkFields] = split(members, ({ name }) => name.endsWith(')'))
  const checker = {
    ...declaration('swarm-check', 'SwarmCheckElement', checkTypes, rows(check, '| attribute | value | default |')),
    description: 'Checks step by step why a browser does not connect.',
    events: events.map(row => event(row, checkTypes)),
    cssProperties,
    cssParts: parts(check, /its parts are (.*?)\.\s/s)
  }
  checker.members.push(...checkFields.map(row => field(row, checkTypes)), ...checkMethods.map(method))
  return {
    schemaVersion: '2.1.0',
    readme: 'README.md',
    modules: [...modules('embed', share, 'defineSwarmShare'), ...modules('check', checker, 'defineSwarmCheck')]
  }
}

/** The rows of the first table with this head. A first cell can name an event. @param {string} page @param {string} head */
function rows(page, head) {
  const body = page.split(`\n${head}\n`)[1]?.split('\n\n')[0]
  if (!body) throw new Error(`no table ${head}`)
  return body
    .split('\n')
    .slice(1)
    .map(line => {
      const [first = '', text = '', extra = ''] = line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map(plain)
      return { name: first.replace(/^event /, ''), isEvent: first.startsWith('event '), text, extra }
    })
}

/** A cell without markup; addresses of links are relative to the page. @param {string} cell */
const plain = cell =>
  cell
    .trim()
    .replace(/\[([^\]]+)\]\([^)]*\)/g, '$1')
    .replaceAll('`', '')

/**
 * @param {string} tagName @param {string} name @param {string} types @param {Row[]} attributes
 */
function declaration(tagName, name, types, attributes) {
  const fields = attributes.map(row => ({ row, fieldName: camelCase(row.name) }))
  return {
    kind: 'class',
    customElement: true,
    tagName,
    name,
    superclass: { name: 'HTMLElement' },
    attributes: fields.map(({ row: { name, text, extra }, fieldName }) => ({
      name,
      description: text,
      ...(extra && { default: extra }),
      fieldName
    })),
    members: /** @type {object[]} */ (
      fields.map(({ row, fieldName }) => ({
        ...field({ ...row, name: fieldName }, types),
        attribute: row.name,
        reflects: true
      }))
    )
  }
}

/** @param {Row} row @param {string} types */
const field = ({ name, text }, types) => ({ kind: 'field', name, ...typed(types, name, CLASS), description: text })

/** @param {Row} row */
function method({ name, text }) {
  const [, own = '', list = ''] = /^(\w+)\(([\w, ]*)\)$/.exec(name) ?? []
  const parameters = list ? list.split(', ').map(name => ({ name })) : []
  return { kind: 'method', name: own, parameters, description: text }
}

/** @param {Row} row @param {string} types */
const event = ({ name, text, extra }, types) => ({
  name,
  ...typed(types, name, EVENTS),
  description: extra ? `When ${extra}. Its detail: ${text}.` : text
})

/** Returns the type that a class or a map of events gives a name. @param {string} types @param {string} name @param {RegExp} block */
function typed(types, name, block) {
  const [body = ''] = block.exec(types) ?? []
  const [, text] = new RegExp(`^  (?:readonly |get )?'?${name}'?(?:\\(\\))?: (.+)$`, 'm').exec(body) ?? []
  return text ? { type: { text } } : {}
}

/** @param {string} page @param {RegExp} sentence */
const parts = (page, sentence) =>
  [...(sentence.exec(page)?.[1] ?? '').matchAll(/`([\w-]+)`/g)].map(([, name]) => ({ name }))

/** @param {string} folder @param {{ name: string, tagName: string }} declaration @param {string} define */
function modules(folder, declaration, define) {
  const path = `dist/${folder}/index.js`
  const { name, tagName } = declaration
  return [
    {
      kind: 'javascript-module',
      path,
      declarations: [declaration, { kind: 'function', name: define }],
      exports: [name, define].map(name => ({ kind: 'js', name, declaration: { name, module: path } }))
    },
    {
      kind: 'javascript-module',
      path: `dist/${folder}/define.js`,
      exports: [{ kind: 'custom-element-definition', name: tagName, declaration: { name, module: path } }]
    }
  ]
}

/** @template T @param {T[]} all @param {(one: T) => boolean} belongs @returns {[T[], T[]]} */
const split = (all, belongs) => [all.filter(belongs), all.filter(one => !belongs(one))]

/** @param {string} name */
const camelCase = name => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase())
