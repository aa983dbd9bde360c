// The floor: a chat that checks nothing. Every frame after a client's first is copied to all, in one write a socket for
// everything that one wake-up brought. What a server does above this is what it charges for being one.
// Usage: floor PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ws.h"

enum { MAX_CLIENTS = 65536, READ_BYTES = 65536, WAKE_EVENTS = 512 };

// The answer to the sample key of RFC 6455 (section 1.3): the only one that the load generator sends.
static const char UPGRADED[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static const char REGISTERED[] =
    "{\"type\":\"register_success\",\"sender\":\"server\",\"content\":\"\",\"userList\":[],\"timestamp\":\"\"}";

typedef enum { NEW, UPGRADING, REGISTERING, PRESENT } state;

typedef struct {
  state state;
  // What has been read of a frame that is not all there.
  uint8_t *rest;
  size_t rest_length;
  // What the kernel has not taken.
  uint8_t *behind;
  size_t behind_length;
} client;

static client clients[MAX_CLIENTS];
static int present[MAX_CLIENTS];
static int present_count;
static uint8_t *batch;
static size_t batch_length, batch_room;
static int poller;

static void *must(void *memory) {
  if (memory) return memory;
  perror("floor");
  exit(1);
}

static void watch(int fd, int change, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  epoll_ctl(poller, change, fd, &event);
}

static void drop(int fd) {
  client *gone = &clients[fd];
  for (int index = 0; index < present_count; index += 1)
    if (present[index] == fd) present[index] = present[--present_count];
  free(gone->rest);
  free(gone->behind);
  *gone = (client){.state = NEW};
  close(fd);
}

static void keep_behind(client *to, int fd, const uint8_t *bytes, size_t length) {
  to->behind = must(realloc(to->behind, to->behind_length + length));
  memcpy(to->behind + to->behind_length, bytes, length);
  to->behind_length += length;
  watch(fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void send_to(int fd, const void *bytes, size_t length) {
  client *to = &clients[fd];
  ssize_t written = to->behind_length ? 0 : write(fd, bytes, length);
  if (written < 0) written = 0;
  if ((size_t)written < length) keep_behind(to, fd, (const uint8_t *)bytes + written, length - (size_t)written);
}

static void catch_up(int fd) {
  client *to = &clients[fd];
  ssize_t written = write(fd, to->behind, to->behind_length);
  if (written <= 0) return;
  to->behind_length -= (size_t)written;
  memmove(to->behind, to->behind + written, to->behind_length);
  if (to->behind_length == 0) watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

static void copy_to_all(const ws_frame *frame) {
  size_t needed = batch_length + frame->length + WS_MAX_HEADER;
  if (needed > batch_room) batch = must(realloc(batch, batch_room = needed * 2));
  batch_length += ws_header(batch + batch_length, WS_TEXT, frame->length, NULL);
  memcpy(batch + batch_length, frame->payload, frame->length);
  batch_length += frame->length;
}

static void hear(int fd, const ws_frame *frame) {
  if (frame->opcode != WS_TEXT) return;
  if (clients[fd].state == PRESENT) {
    copy_to_all(frame);
    return;
  }
  uint8_t answer[sizeof REGISTERED + WS_MAX_HEADER];
  size_t header = ws_header(answer, WS_TEXT, sizeof REGISTERED - 1, NULL);
  memcpy(answer + header, REGISTERED, sizeof REGISTERED - 1);
  send_to(fd, answer, header + sizeof REGISTERED - 1);
  clients[fd].state = PRESENT;
  present[present_count++] = fd;
}

static void read_from(int fd) {
  static uint8_t bytes[READ_BYTES * 2];
  client *from = &clients[fd];
  size_t length = from->rest_length;
  if (length) memcpy(bytes, from->rest, length);
  ssize_t got = read(fd, bytes + length, sizeof bytes - length);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) drop(fd);
    return;
  }
  length += (size_t)got;
  size_t at = 0;
  if (from->state == UPGRADING) {
    uint8_t *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (end) {
      send_to(fd, UPGRADED, sizeof UPGRADED - 1);
      from->state = REGISTERING;
      at = (size_t)(end + 4 - bytes);
    }
  }
  ws_frame frame;
  while (from->state != UPGRADING && ws_read(bytes + at, length - at, &frame)) {
    hear(fd, &frame);
    at += frame.whole;
  }
  from->rest_length = length - at;
  if (from->rest_length) {
    from->rest = must(realloc(from->rest, from->rest_length));
    memcpy(from->rest, bytes + at, from->rest_length);
  }
}

static void welcome(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    if (fd >= MAX_CLIENTS) {
      close(fd);
      continue;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    clients[fd].state = UPGRADING;
    watch(fd, EPOLL_CTL_ADD, EPOLLIN);
  }
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "0"))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  poller = epoll_create1(0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
    perror("floor");
    return 1;
  }
  watch(listener, EPOLL_CTL_ADD, EPOLLIN);
  socklen_t size = sizeof address;
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("listening: %d\n", ntohs(address.sin_port));
  fflush(stdout);

  struct epoll_event events[WAKE_EVENTS];
  for (;;) {
    int count = epoll_wait(poller, events, WAKE_EVENTS, -1);
    for (int index = 0; index < count; index += 1) {
      int fd = events[index].data.fd;
      if (fd == listener) {
        welcome(listener);
        continue;
      }
      if (events[index].events & EPOLLOUT) catch_up(fd);
      if (events[index].events & ~(uint32_t)EPOLLOUT) read_from(fd);
    }
    if (batch_length == 0) continue;
    for (int index = 0; index < present_count; index += 1) send_to(present[index], batch, batch_length);
    batch_length = 0;
  }
}
