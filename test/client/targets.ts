import type { Test } from 'tap'
import { act, startApp } from '../support/app.js'
import { RedisServer } from '../support/redis/server.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { FakeServer } from './fake-server.js'
import type { Context, Control } from './suite.js'

/** A server that the suite runs against. It ends with the test. */
export interface Target {
  readonly port: number
  /** Ends what is held for a name whose user is away. */
  forget(name: string): Promise<void>
}

async function tertulia(t: Test, env?: Record<string, string>): Promise<Target> {
  const app = await startApp(t, env)
  return {
    port: app.port,
    // What an operator removes cannot be taken up again.
    forget: async (name) => {
      const { statusCode } = await act(app, 'DELETE', `/users/${encodeURIComponent(name)}`)
      if (statusCode >= 300) throw new Error(`the operator was answered ${statusCode}`)
    },
  }
}

/** Needs a Redis server. */
export async function tertuliaOverRedis(t: Test): Promise<Target> {
  const redis = await RedisServer.start()
  t.teardown(() => redis.close())
  return tertulia(t, { REDIS_URL: redis.url })
}

/** The servers that the suite runs against everywhere, by name. */
export const TARGETS: Readonly<Record<string, (t: Test) => Promise<Target>>> = {
  'a model of a server': async (t) => {
    const server = await FakeServer.start(t)
    return {
      port: server.port,
      forget: async (name) => server.forget(name),
    }
  },
  Tertulia: (t) => tertulia(t),
}

/** What a case needs besides a platform: the server, and a network before it that can fail. */
export async function reach(
  t: Test,
  { port, forget }: Target,
): Promise<Omit<Context, 'Client' | 'WebSocket'>> {
  const proxy = await TcpProxy.to(port)
  t.teardown(() => proxy.close())
  const control: Control = {
    drop: () => proxy.drop(),
    cut: async () => proxy.killAll(),
    blackhole: () => proxy.blackhole(),
    restore: () => proxy.restore(),
    forget,
  }
  const address = (at: number) => `ws://127.0.0.1:${at}/chat`
  return { url: address(proxy.port), directUrl: address(port), control }
}
