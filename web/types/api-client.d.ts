// The types of requests to the API, derived from the generated types in api.d.ts.

import type { components, paths } from './api'

/** The types of the document by name. */
export type Schemas = components['schemas']

export type Method = 'get' | 'put' | 'post' | 'delete' | 'patch'

/** The paths below /api/v1/ with this method. */
export type PathOf<M extends Method> = {
  [P in keyof paths]: P extends `/api/v1/${infer Rest}` ? (paths[P] extends Record<M, object> ? Rest : never) : never
}[keyof paths]

type Operation<M extends Method, P extends string> = `/api/v1/${P}` extends keyof paths
  ? paths[`/api/v1/${P}`][M]
  : never

type PathParameters<O> = O extends { parameters: { path: infer T } } ? { path: T } : object

type QueryParameters<O> = O extends { parameters: { query: infer T } }
  ? { query: T }
  : O extends { parameters: { query?: infer T } }
    ? { query?: T }
    : object

type Body<O> = O extends { requestBody: { content: { 'application/json': infer T } } } ? { body: T } : object

/** The parameters and the body of a request. */
export type RequestOptions<M extends Method, P extends string> = PathParameters<Operation<M, P>> &
  QueryParameters<Operation<M, P>> &
  Body<Operation<M, P>>

/** The last arguments of a request: its options, which may be omitted if none is required. */
export type RequestArguments<M extends Method, P extends string> = object extends RequestOptions<M, P>
  ? [options?: RequestOptions<M, P>]
  : [options: RequestOptions<M, P>]

type Success<R> = R extends { 200: infer T } ? T : R extends { 201: infer T } ? T : R extends { 202: infer T } ? T : never

/** The JSON of a successful response. */
export type Answer<M extends Method, P extends string> =
  Operation<M, P> extends { responses: infer R }
    ? Success<R> extends { content: { 'application/json': infer T } }
      ? T
      : never
    : never
