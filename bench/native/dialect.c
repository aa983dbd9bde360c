#define _GNU_SOURCE
#include "dialect.h"

#include <stdio.h>
#include <string.h>

#include "tally.h"
#include "ws.h"

static bool begins(const uint8_t *bytes, size_t length, const char *with) {
  size_t size = strlen(with);
  return length >= size && memcmp(bytes, with, size) == 0;
}

void name_write(char out[NAME_BYTES + 1], uint32_t index) { snprintf(out, NAME_BYTES + 1, "bench-%05u", index % 100000); }

// A message is handed on from its mark. All of a run have it at the same place, nearly.
static void hand_on(client *who, const uint8_t *bytes, size_t length) {
  static size_t place;
  if (place + MARK_BYTES > length || bytes[place] != '~' || bytes[place + MARK_BYTES - 1] != '~') {
    const uint8_t *found = memchr(bytes, '~', length);
    if (!found || (size_t)(found - bytes) + MARK_BYTES > length) fail("message", "without a mark");
    place = (size_t)(found - bytes);
  }
  on_message(who, bytes + place);
}

// The protocol of Tertulia, and of what copies its frames.

static void chat_opened(client *who) {
  char name[NAME_BYTES + 1], frame[96];
  name_write(name, who->index);
  int length = snprintf(frame, sizeof frame, "{\"type\":\"register\",\"sender\":\"%s\",\"content\":null}", name);
  client_say(who, WS_TEXT, frame, (size_t)length);
}

// With the extensions of part 2.
static void extended_opened(client *who) {
  char name[NAME_BYTES + 1], frame[96];
  name_write(name, who->index);
  int length = snprintf(frame, sizeof frame, "{\"type\":\"register\",\"sender\":\"%s\",\"content\":{}}", name);
  client_say(who, WS_TEXT, frame, (size_t)length);
}

static size_t chat_hear(client *who, uint8_t *bytes, size_t length) {
  enum { TYPE_AT = 9 };
  const uint8_t *type = bytes + TYPE_AT;
  if (!begins(bytes, length, "{\"type\":\"")) fail("frame", "not of the chat");
  switch (*type) {
    case 'b':
    case 'p':
      hand_on(who, bytes, length);
      break;
    case 'r':
      client_ready(who);
      if (on_answer) on_answer(who, length);
      break;
    case 'l':
      if (on_answer) on_answer(who, length);
      break;
    case 'e':
      fprintf(stderr, "load: %.*s\n", (int)length, bytes);
      fail("error", "the server refused a frame");
    case 'u':
      if (begins(type, length - TYPE_AT, "user_info") && on_answer) on_answer(who, length);
  }
  return length;
}

static size_t chat_compose(char *out, uint32_t sender, const char *content, size_t length) {
  char name[NAME_BYTES + 1];
  name_write(name, sender);
  return (size_t)sprintf(out, "{\"type\":\"broadcast\",\"sender\":\"%s\",\"content\":\"%.*s\"}", name, (int)length, content);
}

// As a server would send it: for those that copy, so that all deliver the same bytes.
static size_t copied_compose(char *out, uint32_t sender, const char *content, size_t length) {
  size_t at = chat_compose(out, sender, content, length) - 1;
  return at + (size_t)sprintf(out + at, ",\"timestamp\":\"2026-11-25T12:00:00.000Z\"}");
}

// Socket.IO 4 (Engine.IO 4) over WebSocket alone.

static void io_opened(client *who) { (void)who; }

static size_t io_hear(client *who, uint8_t *bytes, size_t length) {
  if (begins(bytes, length, "42[\"broadcast\"")) hand_on(who, bytes, length);
  else if (begins(bytes, length, "40")) {
    client_ready(who);
    if (on_answer) on_answer(who, length);
  } else if (begins(bytes, length, "0{")) client_say(who, WS_TEXT, "40", 2);
  else if (begins(bytes, length, "2")) client_say(who, WS_TEXT, "3", 1);
  return length;
}

static size_t io_compose(char *out, uint32_t sender, const char *content, size_t length) {
  char name[NAME_BYTES + 1];
  name_write(name, sender);
  return (size_t)sprintf(out, "42[\"broadcast\",{\"sender\":\"%s\",\"content\":\"%.*s\"}]", name, (int)length, content);
}

// NATS over WebSocket: its text protocol as a stream.

static void nats_opened(client *who) { (void)who; }

static const char NATS_HELLO[] =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":true}\r\nSUB room 1\r\nPING\r\n";

static size_t nats_hear(client *who, uint8_t *bytes, size_t length) {
  size_t at = 0;
  for (;;) {
    uint8_t *line = bytes + at;
    uint8_t *end = memchr(line, '\n', length - at);
    if (!end) return at;
    size_t line_length = (size_t)(end + 1 - line);
    if (begins(line, line_length, "MSG ")) {
      size_t size = 0, unit = 1;
      for (uint8_t *digit = end - 2; *digit != ' '; digit -= 1, unit *= 10) size += unit * (size_t)(*digit - '0');
      size_t whole = line_length + size + 2;
      if (length - at < whole) return at;
      hand_on(who, line, whole);
      at += whole;
      continue;
    }
    if (begins(line, line_length, "INFO") && who->state != READY)
      client_say(who, WS_BINARY, NATS_HELLO, sizeof NATS_HELLO - 1);
    else if (begins(line, line_length, "PONG")) client_ready(who);
    else if (begins(line, line_length, "PING")) client_say(who, WS_BINARY, "PONG\r\n", 6);
    else if (begins(line, line_length, "-ERR")) fail("nats", "refused");
    at += line_length;
  }
}

static size_t nats_compose(char *out, uint32_t sender, const char *content, size_t length) {
  char payload[8192];
  size_t size = copied_compose(payload, sender, content, length);
  int at = sprintf(out, "PUB room %zu\r\n", size);
  memcpy(out + at, payload, size);
  memcpy(out + (size_t)at + size, "\r\n", 2);
  return (size_t)at + size + 2;
}

static const dialect DIALECTS[] = {
    {"tertulia", "/chat", WS_TEXT, false, chat_opened, chat_hear, chat_compose},
    {"extended", "/chat", WS_TEXT, false, extended_opened, chat_hear, chat_compose},
    {"copied", "/chat", WS_TEXT, false, chat_opened, chat_hear, copied_compose},
    {"socket.io", "/socket.io/?EIO=4&transport=websocket", WS_TEXT, false, io_opened, io_hear, io_compose},
    {"nats", "/", WS_BINARY, true, nats_opened, nats_hear, nats_compose},
};

const dialect *dialect_named(const char *name) {
  for (size_t index = 0; index < sizeof DIALECTS / sizeof *DIALECTS; index += 1)
    if (strcmp(DIALECTS[index].name, name) == 0) return &DIALECTS[index];
  return NULL;
}
