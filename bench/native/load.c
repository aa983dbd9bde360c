// Puts load on a chat server, and counts what comes of it. Commands are lines on stdin, each answered by one line of JSON:
//   open clients=N small=0|1        connects and registers so many more; small: the kernel keeps little for them
//   talk senders=S inflight=K       each sender has K messages of its own on their way; or, with rate=R, R a second in all
//        rate=R bytes=B warmup=MS measure=MS
//   private senders=S rate=R …      to whoever is at the next port, at a rate
//   ask what=list|info senders=S …  each asker has one question on its way
//   deafen                          those for whom the kernel keeps little read nothing more
//   watch pids=P,P                  whose CPU time is counted
//   close                           ends all connections, and waits until the servers are idle
// Usage: load DIALECT PORT[,PORT…]
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "client.h"
#include "dialect.h"
#include "tally.h"
#include "ws.h"

enum { MAX_PORTS = 16, MAX_SENDERS = 1024, MAX_CONTENT = 4096 };
static const uint64_t MS = 1000000, DEADLINE_MS = 120000, SETTLE_MS = 10000;

static uint16_t ports[MAX_PORTS];
static int port_count;
static usage before, after;

// The run in progress.
static struct {
  // NULL while nothing is said.
  size_t (*compose)(char *out, uint32_t index, const char *content, size_t length);
  uint32_t senders, in_flight, bytes;
  double rate;
  // To one alone, or to all.
  bool private;
  bool sending, measuring;
  uint32_t sender_of[MAX_SENDERS];
  uint32_t target_of[MAX_SENDERS];
  uint32_t sent[MAX_SENDERS];
  // Of a rate: when the next is due, and whose it is.
  uint64_t due_ns;
  uint32_t turn;
  uint64_t deliveries, sent_measured, missing, repeated, answers, answer_bytes;
  const char *question;
} run;

static const char *argument(const char *line, const char *name) {
  static char value[256];
  size_t length = strlen(name);
  for (const char *at = line; (at = strstr(at, name)); at += length)
    if (at > line && at[-1] == ' ' && at[length] == '=') {
      sscanf(at + length + 1, "%255s", value);
      return value;
    }
  return NULL;
}

static double number(const char *line, const char *name, double otherwise) {
  const char *value = argument(line, name);
  return value ? atof(value) : otherwise;
}

static void say(uint32_t sender, uint64_t at_ns) {
  char content[MAX_CONTENT], payload[MAX_CONTENT + 512];
  memset(content, 'x', run.bytes);
  mark_write(content, (mark){sender, run.sent[sender]++, at_ns});
  client *who = &clients[run.sender_of[sender]];
  size_t length = run.compose(payload, run.private ? sender : who->index, content, run.bytes);
  if (run.measuring) run.sent_measured += 1;
  client_say(who, speaks->opcode, payload, length);
}

static size_t compose_private(char *out, uint32_t sender, const char *content, size_t length) {
  char from[NAME_BYTES + 1], to[NAME_BYTES + 1];
  name_write(from, run.sender_of[sender]);
  name_write(to, run.target_of[sender]);
  return (size_t)sprintf(out, "{\"type\":\"private\",\"sender\":\"%s\",\"target\":\"%s\",\"content\":\"%.*s\"}", from, to,
                         (int)length, content);
}

static void take_message(client *who, const uint8_t *bytes) {
  mark what = mark_read(bytes);
  if (what.sender >= run.senders || !who->next_of) return;
  uint32_t *next = &who->next_of[what.sender];
  if (what.number > *next) run.missing += what.number - *next;
  if (what.number < *next) run.repeated += 1;
  else *next = what.number + 1;
  uint64_t now = now_ns();
  if (run.measuring) {
    run.deliveries += 1;
    delays_add(now - what.sent_ns);
  }
  if (run.sending && run.in_flight && who->index == run.sender_of[what.sender]) say(what.sender, now);
}

static void ask(client *who) {
  char name[NAME_BYTES + 1], frame[128];
  name_write(name, who->index);
  const char *format = strcmp(run.question, "list") == 0 ? "{\"type\":\"list_users\",\"sender\":\"%s\",\"content\":null}"
                                                         : "{\"type\":\"user_info\",\"sender\":\"%1$s\",\"target\":\"%1$s\"}";
  int length = snprintf(frame, sizeof frame, format, name);
  client_say(who, WS_TEXT, frame, (size_t)length);
}

static void take_answer(client *who, size_t length) {
  run.answer_bytes += length;
  if (run.measuring) run.answers += 1;
  if (run.sending && run.question) ask(who);
}

static uint64_t talk_at_rate(uint64_t now) {
  if (!run.sending || run.rate == 0) return UINT64_MAX;
  while (run.due_ns <= now) {
    say(run.turn, run.due_ns);
    run.turn = (run.turn + 1) % run.senders;
    run.due_ns += (uint64_t)(1e9 / run.rate);
  }
  return run.due_ns;
}

static bool all_ready(void) { return ready_count == client_count; }

static bool has_all(const client *who) {
  if (who->state != READY || who->deaf) return true;
  for (uint32_t sender = 0; sender < run.senders; sender += 1)
    if ((!run.private || run.target_of[sender] == who->index) && who->next_of[sender] != run.sent[sender]) return false;
  return true;
}

static bool all_heard(void) {
  static uint32_t from;
  // Whoever lacked something the last time is asked first.
  for (uint32_t count = 0; count < client_count; count += 1) {
    uint32_t index = (from + count) % client_count;
    if (has_all(&clients[index])) continue;
    from = index;
    return false;
  }
  return true;
}

static uint64_t still_missing(void) {
  uint64_t missing = 0;
  for (uint32_t index = 0; index < client_count; index += 1) {
    const client *who = &clients[index];
    if (has_all(who)) continue;
    for (uint32_t sender = 0; sender < run.senders; sender += 1)
      if (!run.private || run.target_of[sender] == index) missing += run.sent[sender] - who->next_of[sender];
  }
  return missing;
}

// Senders are spread evenly over the clients. Who gets their private messages is at the next port.
static void choose_senders(void) {
  for (uint32_t sender = 0; sender < run.senders; sender += 1) {
    uint32_t index = (uint32_t)((uint64_t)sender * client_count / run.senders);
    while (clients[index].deaf) index += 1;
    run.sender_of[sender] = index;
    run.target_of[sender] = (index + 1) % client_count;
    run.sent[sender] = 0;
  }
  for (uint32_t index = 0; index < client_count; index += 1) {
    free(clients[index].next_of);
    clients[index].next_of = calloc(run.senders, sizeof(uint32_t));
    if (!clients[index].next_of) fail("memory", "none left");
  }
}

static void prepare(const char *line) {
  memset(&run, 0, sizeof run);
  run.senders = (uint32_t)number(line, "senders", 10);
  run.in_flight = (uint32_t)number(line, "inflight", 0);
  run.rate = number(line, "rate", 0);
  run.bytes = (uint32_t)number(line, "bytes", 200);
  if (run.senders > MAX_SENDERS || run.senders > client_count) fail("senders", "too many");
  if (run.bytes < MARK_BYTES || run.bytes > MAX_CONTENT) fail("bytes", "too few or too many");
  choose_senders();
  delays_clear();
}

static void pass(uint64_t milliseconds) { serve_until(now_ns() + milliseconds * MS, NULL, talk_at_rate); }

// Warms up, measures, and waits for what is on its way.
static void measure(const char *line) {
  run.sending = true;
  run.due_ns = now_ns();
  pass((uint64_t)number(line, "warmup", 500));
  run.measuring = true;
  usage_read(&before);
  pass((uint64_t)number(line, "measure", 2000));
  usage_read(&after);
  run.measuring = run.sending = false;
  usage_since(&after, &before);
}

static void report_talk(void) {
  bool whole = serve_until(now_ns() + SETTLE_MS * MS, all_heard, NULL);
  printf("{");
  usage_print(&after);
  printf("\"deliveries\":%llu,\"sent\":%llu,\"missing\":%llu,\"outOfOrder\":%llu,\"repeated\":%llu,\"closed\":%u,"
         "\"p50Micros\":%.1f,\"p99Micros\":%.1f}\n",
         (unsigned long long)run.deliveries, (unsigned long long)run.sent_measured,
         (unsigned long long)(whole ? 0 : still_missing()), (unsigned long long)run.missing,
         (unsigned long long)run.repeated, lost_count, delays_quantile(0.5), delays_quantile(0.99));
}

static void talk(const char *line, bool private) {
  prepare(line);
  run.private = private;
  run.compose = private ? compose_private : speaks->compose;
  if (!private)
    for (uint32_t sender = 0; sender < run.senders; sender += 1)
      for (uint32_t count = 0; count < run.in_flight; count += 1) say(sender, now_ns());
  measure(line);
  report_talk();
}

static void question(const char *line) {
  prepare(line);
  run.question = strcmp(argument(line, "what"), "list") == 0 ? "list" : "info";
  run.sending = true;
  for (uint32_t sender = 0; sender < run.senders; sender += 1) ask(&clients[run.sender_of[sender]]);
  measure(line);
  printf("{");
  usage_print(&after);
  printf("\"answers\":%llu,\"answerBytes\":%llu}\n", (unsigned long long)run.answers, (unsigned long long)run.answer_bytes);
}

static void open_clients(const char *line) {
  run.answer_bytes = 0;
  usage_read(&before);
  clients_open((uint32_t)number(line, "clients", 1), number(line, "small", 0) > 0, ports, port_count);
  bool all = serve_until(now_ns() + DEADLINE_MS * MS, all_ready, NULL);
  usage_read(&after);
  usage_since(&after, &before);
  if (!all) fail("open", "not all were let in");
  printf("{");
  usage_print(&after);
  printf("\"clients\":%u,\"answerBytes\":%llu}\n", client_count, (unsigned long long)run.answer_bytes);
}

static void deafen(void) {
  uint32_t count = 0;
  for (uint32_t index = 0; index < client_count; index += 1) {
    if (!clients[index].small || clients[index].deaf) continue;
    client_deafen(&clients[index]);
    count += 1;
  }
  printf("{\"deaf\":%u}\n", count);
}

static void watch_pids(const char *line) {
  const char *list = argument(line, "pids");
  before.count = 0;
  for (char *at = list ? strdup(list) : NULL, *pid; (pid = strsep(&at, ",")) && before.count < MAX_PIDS;)
    before.pids[before.count++] = atoi(pid);
  after = before;
  printf("{\"watching\":%d}\n", before.count);
}

// Ends all connections, and waits until the processes are as idle as before.
static void close_clients(void) {
  const uint64_t look_ms = 200, idle_ns = 10 * MS;
  uint32_t count = client_count;
  usage_read(&before);
  clients_close();
  usage last = before;
  for (uint64_t until = before.at_ns + DEADLINE_MS * MS;;) {
    struct timespec while_busy = {0, (long)(look_ms * MS)};
    nanosleep(&while_busy, NULL);
    usage_read(&after);
    uint64_t used = 0;
    for (int index = 0; index < after.count; index += 1) used += after.cpu_ns[index] - last.cpu_ns[index];
    if (used < idle_ns || after.at_ns > until) break;
    last = after;
  }
  usage_since(&after, &before);
  printf("{");
  usage_print(&after);
  printf("\"clients\":%u}\n", count);
}

static void obey(const char *line) {
  if (strncmp(line, "open", 4) == 0) open_clients(line);
  else if (strncmp(line, "talk", 4) == 0) talk(line, false);
  else if (strncmp(line, "private", 7) == 0) talk(line, true);
  else if (strncmp(line, "ask", 3) == 0) question(line);
  else if (strncmp(line, "deafen", 6) == 0) deafen();
  else if (strncmp(line, "watch", 5) == 0) watch_pids(line);
  else if (strncmp(line, "close", 5) == 0) close_clients();
  else fail("command", line);
}

static void allow_many_files(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv) {
  if (argc != 3 || !(speaks = dialect_named(argv[1]))) fail("usage", "load DIALECT PORT[,PORT...]");
  for (char *at = argv[2], *port; (port = strsep(&at, ",")) && port_count < MAX_PORTS;)
    ports[port_count++] = (uint16_t)atoi(port);
  on_message = take_message;
  on_answer = take_answer;
  allow_many_files();
  char line[1024];
  while (fgets(line, sizeof line, stdin)) {
    obey(line);
    fflush(stdout);
  }
}
