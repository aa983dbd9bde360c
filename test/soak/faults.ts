import { setTimeout as sleep } from 'node:timers/promises'
import { type Cluster, type ClusterNode, LEASE_MS } from '../support/cluster.js'
import type { Excuses } from '../support/ledger/deliveries.js'
import type { Ledger } from '../support/ledger/ledger.js'
import type { Fault } from './schedule.js'

/** From so many leases on a node may count as dead, and up to so many it may not. */
const PERHAPS_DEAD = 0.4

/** Does what is to go wrong, and mends it. Resolves with what may be missing after it. */
export async function inflict(fault: Fault, cluster: Cluster, ledger: Ledger): Promise<Excuses> {
  switch (fault.kind) {
    case 'none':
      return {}
    case 'kill':
      return replace(cluster, fault.node, (node) => node.kill())
    case 'terminate':
      return replace(cluster, fault.node, (node) => node.terminate())
    case 'freeze':
      return endure(cluster, ledger, fault, async (node) => {
        node.freeze()
        return async () => node.thaw()
      })
    case 'drop':
      return endure(cluster, ledger, fault, async ({ proxy }) => {
        await proxy.drop()
        return () => proxy.restore()
      })
    case 'blackhole':
      return endure(cluster, ledger, fault, async ({ proxy }) => {
        await proxy.blackhole(fault.direction === 'both' ? undefined : fault.direction)
        return () => proxy.restore()
      })
    case 'redis-restart':
      await cluster.redis.kill()
      await sleep(fault.leases * LEASE_MS)
      await cluster.redis.restart()
      return { privates: true }
    case 'redis-restarts':
      // Some nodes get hold of it in between, and some do not.
      for (let time = 0; time < fault.times; time += 1) await cluster.redis.restart()
      return { privates: true }
    case 'redis-pause':
      await cluster.redis.pause()
      await sleep(fault.leases * LEASE_MS)
      await cluster.redis.resume()
      return { privates: true }
    case 'kill-in-restart':
      return replace(cluster, fault.node, async (node) => {
        await cluster.redis.kill()
        await node.kill()
        await sleep(fault.leases * LEASE_MS)
        await cluster.redis.restart()
      })
    case 'redis-empty':
      await cluster.redis.restartEmpty()
      return { privates: true, broadcasts: true }
    case 'kill-connections':
      for (let time = 0; time < fault.times; time += 1) {
        await cluster.redis.call('CLIENT', 'KILL', 'TYPE', fault.type, 'SKIPME', 'yes')
        await sleep(100)
      }
      return { privates: true }
  }
}

function nodeAt(cluster: Cluster, index: number): ClusterNode {
  const { living } = cluster
  const node = living[index % living.length]
  if (node === undefined) throw new Error('no node is alive')
  return node
}

async function replace(
  cluster: Cluster,
  index: number,
  end: (node: ClusterNode) => Promise<unknown>,
): Promise<Excuses> {
  const node = nodeAt(cluster, index)
  await end(node)
  cluster.nodes.splice(cluster.nodes.indexOf(node), 1)
  await cluster.addNode(node.label)
  return { privates: true }
}

/** A node that suffers for a while: if that is long, the others take it for dead. */
async function endure(
  cluster: Cluster,
  ledger: Ledger,
  { node: index, leases }: { readonly node: number; readonly leases: number },
  begin: (node: ClusterNode) => Promise<() => Promise<void>>,
): Promise<Excuses> {
  const node = nodeAt(cluster, index)
  const there = () => ledger.accounts.filter(({ where }) => where === node.label)
  if (leases > PERHAPS_DEAD) ledger.doubt(there(), false)
  const end = await begin(node)
  await sleep(leases * LEASE_MS)
  // Whoever has come since is in doubt as well.
  if (leases > PERHAPS_DEAD) ledger.doubt(there(), false)
  await end()
  return { privates: true }
}
