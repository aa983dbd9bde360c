#define _GNU_SOURCE
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tally.h"
#include "ws.h"

enum { READ_BYTES = 1 << 22, WAKE_EVENTS = 512, AT_ONCE = 128, SMALL_BUFFER = 4096, SMALL_SEGMENT = 536 };
static const uint64_t NEVER = UINT64_MAX;

client *clients;
uint32_t client_count, ready_count, lost_count;
const dialect *speaks;
void (*on_message)(client *, const uint8_t *);
void (*on_answer)(client *, size_t);

static int poller = -1;
// Opening: up to which index, and how many are on their way.
static uint32_t wanted, opened, opening;
static const uint16_t *to_ports;
static int to_port_count;

_Noreturn void fail(const char *what, const char *detail) {
  fprintf(stderr, "load: %s: %s\n", what, detail);
  exit(1);
}

static void *must(void *memory) {
  if (!memory) fail("memory", "none left");
  return memory;
}

static void watch(client *who, int change, uint32_t events) {
  struct epoll_event event = {.events = events, .data.u32 = who->index};
  epoll_ctl(poller, change, who->fd, &event);
}

static void hang_up(client *who) {
  if (who->state == CLOSED) return;
  if (who->state == READY) ready_count -= 1;
  else opening -= 1;
  who->state = CLOSED;
  close(who->fd);
  free(who->rest);
  free(who->behind);
  who->rest = who->behind = NULL;
  who->rest_length = who->behind_length = who->carried = 0;
}

static void send_bytes(client *who, const uint8_t *bytes, size_t length) {
  ssize_t written = who->behind_length ? 0 : send(who->fd, bytes, length, MSG_NOSIGNAL);
  if (written < 0) written = 0;
  if ((size_t)written == length) return;
  size_t left = length - (size_t)written;
  who->behind = must(realloc(who->behind, who->behind_length + left));
  memcpy(who->behind + who->behind_length, bytes + written, left);
  who->behind_length += left;
  watch(who, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void catch_up(client *who) {
  ssize_t written = send(who->fd, who->behind, who->behind_length, MSG_NOSIGNAL);
  if (written <= 0) return;
  who->behind_length -= (size_t)written;
  memmove(who->behind, who->behind + written, who->behind_length);
  if (who->behind_length == 0) watch(who, EPOLL_CTL_MOD, EPOLLIN);
}

void client_say(client *who, int opcode, const void *payload, size_t length) {
  static uint8_t frame[1 << 17];
  static uint32_t mask = 0x9e3779b9;
  if (length + WS_MAX_HEADER > sizeof frame) fail("frame", "too large");
  mask = mask * 1664525 + 1013904223;
  send_bytes(who, frame, ws_write_masked(frame, opcode, payload, length, mask));
}

void client_ready(client *who) {
  if (who->state != GREETING) return;
  who->state = READY;
  opening -= 1;
  ready_count += 1;
}

static void open_one(uint32_t index) {
  client *who = &clients[index];
  who->index = index;
  who->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (who->fd < 0) fail("socket", strerror(errno));
  setsockopt(who->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  if (who->small) {
    setsockopt(who->fd, SOL_SOCKET, SO_RCVBUF, &(int){SMALL_BUFFER}, sizeof(int));
    // What the server's kernel keeps unsent is some segments: of the size that loopback would have, they are megabytes.
    setsockopt(who->fd, IPPROTO_TCP, TCP_MAXSEG, &(int){SMALL_SEGMENT}, sizeof(int));
  }
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(to_ports[index % (uint32_t)to_port_count])};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(who->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) fail("connect", strerror(errno));
  who->state = CONNECTING;
  opening += 1;
  watch(who, EPOLL_CTL_ADD, EPOLLOUT);
}

static void open_more(void) {
  while (opened < wanted && opening < AT_ONCE) open_one(opened++);
}

static void connected(client *who) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(who->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error) fail("connect", strerror(error));
  char request[512];
  int length = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                        speaks->path);
  who->state = UPGRADING;
  watch(who, EPOLL_CTL_MOD, EPOLLIN);
  send_bytes(who, (uint8_t *)request, (size_t)length);
}

// Frames of a stream lose their headers; what they carry moves together at the front. Returns the length of that.
static size_t unframe(client *who, uint8_t *bytes, size_t length, size_t *eaten) {
  ws_frame frame;
  size_t at = 0, carried = 0;
  while (ws_read(bytes + at, length - at, &frame)) {
    at += frame.whole;
    if (frame.opcode == WS_PING) client_say(who, WS_PONG, frame.payload, frame.length);
    if (frame.opcode > WS_BINARY) continue;
    memmove(bytes + carried, frame.payload, frame.length);
    carried += frame.length;
  }
  *eaten = at;
  return carried;
}

// Takes whole frames; returns how many bytes they were.
static size_t take_frames(client *who, uint8_t *bytes, size_t length) {
  ws_frame frame;
  size_t at = 0;
  while (ws_read(bytes + at, length - at, &frame)) {
    at += frame.whole;
    if (frame.opcode == WS_TEXT) speaks->hear(who, frame.payload, frame.length);
    else if (frame.opcode == WS_PING) client_say(who, WS_PONG, frame.payload, frame.length);
  }
  return at;
}

static void keep_rest(client *who, const uint8_t *bytes, size_t length) {
  who->rest_length = length;
  if (length == 0) return;
  who->rest = must(realloc(who->rest, length));
  memcpy(who->rest, bytes, length);
}

// A stream whose frames, and whose messages, end where they like. What waits is the messages' part, and behind it the frames'.
static void take_stream(client *who, uint8_t *bytes, size_t length) {
  size_t eaten, before = who->carried;
  size_t carried = before + unframe(who, bytes + before, length - before, &eaten);
  size_t raw = length - before - eaten;
  memmove(bytes + carried, bytes + before + eaten, raw);
  size_t heard = speaks->hear(who, bytes, carried);
  who->carried = carried - heard;
  keep_rest(who, bytes + heard, who->carried + raw);
}

static void read_from(client *who) {
  static uint8_t bytes[READ_BYTES];
  if (who->deaf) {
    // All that can come is the end.
    hang_up(who);
    return;
  }
  size_t length = who->rest_length;
  if (length) memcpy(bytes, who->rest, length);
  ssize_t got = recv(who->fd, bytes + length, sizeof bytes - length, 0);
  if (got <= 0) {
    if (got < 0 && errno == EAGAIN) return;
    if (who->state != READY) fail("connection", "ended before it was let in");
    lost_count += 1;
    hang_up(who);
    return;
  }
  size_t at = 0;
  length += (size_t)got;
  if (who->state == UPGRADING) {
    uint8_t *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end) {
      keep_rest(who, bytes, length);
      return;
    }
    if (length < 12 || memcmp(bytes + 9, "101", 3)) fail("upgrade", "refused");
    at = (size_t)(end + 4 - bytes);
    who->state = GREETING;
    speaks->opened(who);
  }
  if (speaks->stream) take_stream(who, bytes + at, length - at);
  else {
    at += take_frames(who, bytes + at, length - at);
    keep_rest(who, bytes + at, length - at);
  }
}

void clients_open(uint32_t more, bool small, const uint16_t *ports, int port_count) {
  if (poller < 0) poller = epoll_create1(0);
  to_ports = ports;
  to_port_count = port_count;
  wanted = client_count + more;
  opened = client_count;
  clients = must(realloc(clients, wanted * sizeof *clients));
  memset(clients + client_count, 0, more * sizeof *clients);
  for (uint32_t index = client_count; index < wanted; index += 1) clients[index].small = small;
  client_count = wanted;
  open_more();
}

void client_deafen(client *who) {
  who->deaf = true;
  watch(who, EPOLL_CTL_MOD, 0);
}

void clients_close(void) {
  for (uint32_t index = 0; index < client_count; index += 1) {
    hang_up(&clients[index]);
    free(clients[index].next_of);
  }
  client_count = wanted = opened = 0;
  lost_count = 0;
}

bool serve_until(uint64_t deadline_ns, bool (*done)(void), uint64_t (*tick)(uint64_t)) {
  struct epoll_event events[WAKE_EVENTS];
  // When the tick wants to be called next: if that changes, it has done something.
  uint64_t until = NEVER;
  for (uint64_t now = now_ns();;) {
    uint64_t next = tick ? tick(now) : NEVER;
    bool said = next != until;
    until = next;
    if (done && done()) return true;
    if (now >= deadline_ns) return false;
    // Never asleep: waking another core costs whoever writes to us more than the write, and with clients elsewhere there is no such thing.
    int count = epoll_wait(poller, events, WAKE_EVENTS, 0);
    for (int index = 0; index < count; index += 1) {
      client *who = &clients[events[index].data.u32];
      uint32_t what = events[index].events;
      if (who->state == CONNECTING) connected(who);
      else if (what & EPOLLOUT) catch_up(who);
      if (who->state > CONNECTING && what & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_from(who);
    }
    open_more();
    uint64_t then = now_ns();
    if (count > 0 || said) busy_ns += then - now;
    now = then;
  }
}
