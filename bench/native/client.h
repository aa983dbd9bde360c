// Connections, and the loop that serves them.
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { CLOSED, CONNECTING, UPGRADING, GREETING, READY } client_state;

typedef struct {
  client_state state;
  int fd;
  uint32_t index;
  // The kernel keeps little for it, on either side.
  bool small;
  // It reads nothing more.
  bool deaf;
  // What has been read of a frame, or of a message, that is not all there.
  uint8_t *rest;
  size_t rest_length;
  // How much of that, at its beginning, has lost its frames already (of a stream).
  size_t carried;
  // What the kernel has not taken.
  uint8_t *behind;
  size_t behind_length;
  // The number that comes next from each sender.
  uint32_t *next_of;
} client;

// A way to speak with a server.
typedef struct {
  const char *name;
  const char *path;
  int opcode;
  // Whether payloads are one stream, whatever the frames.
  bool stream;
  // The connection has been upgraded.
  void (*opened)(client *who);
  // Takes what has come; returns how much of it was whole.
  size_t (*hear)(client *who, uint8_t *bytes, size_t length);
  // Writes what a sender says; returns its length. `content` has no byte that would have to be escaped.
  size_t (*compose)(char *out, uint32_t sender, const char *content, size_t length);
} dialect;

extern client *clients;
extern uint32_t client_count;
extern const dialect *speaks;

// What the run in progress does with what comes. `bytes` is from the mark on.
extern void (*on_message)(client *who, const uint8_t *mark_bytes);
// An answer to what was asked, of so many bytes.
extern void (*on_answer)(client *who, size_t length);

// Opens so many more connections, some at a time, each to the next of the ports. Of small ones the kernel keeps little: who writes to
// them and is not read notices soon.
void clients_open(uint32_t more, bool small, const uint16_t *ports, int port_count);
// Reads nothing more from one.
void client_deafen(client *who);
// Closes all connections, without a word.
void clients_close(void);
// To be called by a dialect when a client has been let in.
void client_ready(client *who);
void client_say(client *who, int opcode, const void *payload, size_t length);
// How many are READY.
extern uint32_t ready_count;
// How many of those who read have been closed by the server.
extern uint32_t lost_count;

// Serves connections until `done` or the deadline; `tick` is called on each round and says when it wants to be called next.
bool serve_until(uint64_t deadline_ns, bool (*done)(void), uint64_t (*tick)(uint64_t now));

// The end of everything, with a reason on stderr.
_Noreturn void fail(const char *what, const char *detail);

#endif
