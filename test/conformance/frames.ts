/** The frames of a client, as section 4 of the source document shows them. */

export const register = (sender: string) => ({ type: 'register', sender, content: null })

export const broadcast = (sender: string, content: unknown) => ({ type: 'broadcast', sender, content })

/** With the time of the client, as the source document shows it in messages. */
export const stamped = <Frame extends object>(frame: Frame) => ({
  ...frame,
  timestamp: new Date().toISOString(),
})

export const toOne = (sender: string, target: string, content: unknown) => ({
  type: 'private',
  sender,
  target,
  content,
})

export const listUsers = (sender: string) => ({ type: 'list_users', sender })

export const userInfo = (sender: string, target: string) => ({ type: 'user_info', sender, target })

export const changeStatus = (sender: string, content: unknown) => ({ type: 'change_status', sender, content })

export const disconnect = (sender: string) => ({
  type: 'disconnect',
  sender,
  content: 'Cierre de sesión',
})

/** What a server sends when `user` has left. */
export const hasLeft = (user: string) => ({
  type: 'user_disconnected',
  sender: 'server',
  content: `${user} ha salido`,
})

/** What a server sends when the status of `user` has changed. */
export const nowHas = (user: string, status: string) => ({
  type: 'status_update',
  sender: 'server',
  content: { user, status },
})
