// What is counted: delays, CPU time, and whether every message came once and in order.
#ifndef TALLY_H
#define TALLY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// A message begins with a mark: whose it is, its number among that sender's, and when it was to be sent.
enum { MARK_BYTES = 32 };

typedef struct {
  uint32_t sender;
  uint32_t number;
  uint64_t sent_ns;
} mark;

// Writes MARK_BYTES bytes.
void mark_write(char *out, mark what);
// Reads what `mark_write` wrote.
mark mark_read(const uint8_t *bytes);

uint64_t now_ns(void);

// Delays in a histogram whose buckets are less than two per cent wide.
void delays_clear(void);
void delays_add(uint64_t delay_ns);
// The delay in microseconds that so large a part of all stayed below.
double delays_quantile(double part);

enum { MAX_PIDS = 16 };

// Processes whose CPU time and writes are counted.
typedef struct {
  int count;
  pid_t pids[MAX_PIDS];
  uint64_t cpu_ns[MAX_PIDS];
  uint64_t writes[MAX_PIDS];
  uint64_t busy_ns;
  uint64_t at_ns;
} usage;

// For how long the load generator itself had something to do. It never sleeps: its CPU time does not tell.
extern uint64_t busy_ns;

// Reads what the processes have used up to now.
void usage_read(usage *of);
// What was used between two readings, into the second.
void usage_since(usage *later, const usage *earlier);
// Prints it as fields of a JSON object, with a comma behind.
void usage_print(const usage *used);

#endif
