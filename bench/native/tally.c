#define _GNU_SOURCE
#include "tally.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char DIGITS[] = "0123456789abcdef";

static void write_hex(char *out, int digits, uint64_t value) {
  for (int index = digits - 1; index >= 0; index -= 1, value >>= 4) out[index] = DIGITS[value & 15];
}

static uint64_t read_hex(const uint8_t *bytes, int digits) {
  uint64_t value = 0;
  for (int index = 0; index < digits; index += 1) {
    uint8_t byte = bytes[index];
    value = value << 4 | (byte <= '9' ? byte - '0' : byte - 'a' + 10);
  }
  return value;
}

void mark_write(char *out, mark what) {
  out[0] = '~';
  write_hex(out + 1, 4, what.sender);
  out[5] = ':';
  write_hex(out + 6, 8, what.number);
  out[14] = ':';
  write_hex(out + 15, 16, what.sent_ns);
  out[31] = '~';
}

mark mark_read(const uint8_t *bytes) {
  return (mark){(uint32_t)read_hex(bytes + 1, 4), (uint32_t)read_hex(bytes + 6, 8), read_hex(bytes + 15, 16)};
}

static uint64_t on_clock(clockid_t clock) {
  struct timespec time;
  if (clock_gettime(clock, &time)) return 0;
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t now_ns(void) { return on_clock(CLOCK_MONOTONIC); }

// 64 buckets for each doubling.
enum { FINE_BITS = 6, FINE = 1 << FINE_BITS, BUCKETS = 64 * FINE };
static uint64_t buckets[BUCKETS];

void delays_clear(void) { memset(buckets, 0, sizeof buckets); }

void delays_add(uint64_t delay_ns) {
  uint64_t value = delay_ns | 1;
  int top = 63 - __builtin_clzll(value);
  int shift = top > FINE_BITS ? top - FINE_BITS : 0;
  buckets[shift * FINE + (int)(value >> shift)] += 1;
}

double delays_quantile(double part) {
  uint64_t all = 0, seen = 0;
  for (int index = 0; index < BUCKETS; index += 1) all += buckets[index];
  for (int index = 0; index < BUCKETS; index += 1) {
    seen += buckets[index];
    if (seen > 0 && (double)seen >= part * (double)all) {
      int shift = index < 2 * FINE ? 0 : index / FINE - 1;
      return (double)((uint64_t)(index - shift * FINE) << shift) / 1000;
    }
  }
  return 0;
}

uint64_t busy_ns;

// How often a process has called write and the like.
static uint64_t writes_of(pid_t pid) {
  char path[64], line[128];
  unsigned long long writes = 0;
  snprintf(path, sizeof path, "/proc/%d/io", (int)pid);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "syscw: %llu", &writes) == 1) break;
  fclose(file);
  return writes;
}

void usage_read(usage *of) {
  of->at_ns = now_ns();
  of->busy_ns = busy_ns;
  for (int index = 0; index < of->count; index += 1) {
    clockid_t clock;
    of->cpu_ns[index] = clock_getcpuclockid(of->pids[index], &clock) ? 0 : on_clock(clock);
    of->writes[index] = writes_of(of->pids[index]);
  }
}

void usage_since(usage *later, const usage *earlier) {
  later->at_ns -= earlier->at_ns;
  later->busy_ns -= earlier->busy_ns;
  for (int index = 0; index < later->count; index += 1) {
    later->cpu_ns[index] -= earlier->cpu_ns[index];
    later->writes[index] -= earlier->writes[index];
  }
}

void usage_print(const usage *used) {
  double seconds = (double)used->at_ns / 1e9;
  printf("\"seconds\":%.3f,\"loadBusy\":%.3f,\"cpuMicros\":[", seconds, (double)used->busy_ns / (double)used->at_ns);
  for (int index = 0; index < used->count; index += 1)
    printf("%s%.1f", index ? "," : "", (double)used->cpu_ns[index] / 1000);
  printf("],\"writes\":[");
  for (int index = 0; index < used->count; index += 1)
    printf("%s%llu", index ? "," : "", (unsigned long long)used->writes[index]);
  printf("],");
}
