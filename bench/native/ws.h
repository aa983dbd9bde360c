// The framing of RFC 6455 (section 5.2), as far as a benchmark needs it.
#ifndef WS_H
#define WS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

// The most bytes that stand before a payload: two, eight of length, four of mask.
enum { WS_MAX_HEADER = 14 };

typedef struct {
  uint8_t *payload;
  size_t length;
  // Header and payload.
  size_t whole;
  int opcode;
} ws_frame;

// Reads the frame that begins at `bytes` and takes its mask off, in place; 0 when it is not all there.
static inline int ws_read(uint8_t *bytes, size_t available, ws_frame *frame) {
  if (available < 2) return 0;
  size_t header = 2, length = bytes[1] & 0x7f;
  int masked = bytes[1] >> 7;
  if (length == 126) {
    if (available < 4) return 0;
    length = (size_t)bytes[2] << 8 | bytes[3];
    header = 4;
  } else if (length == 127) {
    if (available < 10) return 0;
    length = 0;
    for (int index = 2; index < 10; index += 1) length = length << 8 | bytes[index];
    header = 10;
  }
  const uint8_t *mask = bytes + header;
  if (masked) header += 4;
  if (available < header || available - header < length) return 0;
  frame->payload = bytes + header;
  frame->length = length;
  frame->whole = header + length;
  frame->opcode = bytes[0] & 0x0f;
  if (masked)
    for (size_t index = 0; index < length; index += 1) frame->payload[index] ^= mask[index & 3];
  return 1;
}

// Writes the header of a final frame; `mask` is NULL for what a server sends. Returns its length.
static inline size_t ws_header(uint8_t *out, int opcode, size_t length, const uint8_t *mask) {
  uint8_t bit = mask ? 0x80 : 0;
  size_t at = 2;
  out[0] = 0x80 | (uint8_t)opcode;
  if (length < 126) {
    out[1] = bit | (uint8_t)length;
  } else if (length < 65536) {
    out[1] = bit | 126;
    out[2] = (uint8_t)(length >> 8);
    out[3] = (uint8_t)length;
    at = 4;
  } else {
    out[1] = bit | 127;
    for (int index = 0; index < 8; index += 1) out[2 + index] = (uint8_t)(length >> (56 - 8 * index));
    at = 10;
  }
  if (mask) {
    memcpy(out + at, mask, 4);
    at += 4;
  }
  return at;
}

// Writes a whole frame as a client sends it, masked. `out` must have room for WS_MAX_HEADER more than the payload.
static inline size_t ws_write_masked(uint8_t *out, int opcode, const void *payload, size_t length, uint32_t mask) {
  uint8_t key[4];
  memcpy(key, &mask, 4);
  size_t at = ws_header(out, opcode, length, key);
  const uint8_t *from = payload;
  for (size_t index = 0; index < length; index += 1) out[at + index] = from[index] ^ key[index & 3];
  return at + length;
}

#endif
