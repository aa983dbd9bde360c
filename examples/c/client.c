/*
 * A chat client with libwebsockets: the sample of section 6 of the protocol, made right.
 * The main thread runs the event loop and owns the connection. A second one waits for lines on
 * standard input, which would stop the loop, and hands them over one by one.
 */
#include <err.h>
#include <libwebsockets.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE "uso: client NOMBRE [SERVIDOR] [PUERTO]"
#define COMMANDS "/privado NOMBRE TEXTO, /lista, /info NOMBRE, /estado ACTIVO|OCUPADO|INACTIVO, /salir"

enum { FRAME_BYTES = 64 * 1024 }; /* the server closes the connection on a longer frame */

static const char *name, *host = "127.0.0.1";
static int port = 3000;
static struct lws_context *context;
static struct lws *connection; /* NULL while there is none */
static struct lejp_ctx parser; /* libwebsockets brings a JSON parser that takes its input in pieces */
static bool announced, registered, left, finished;

static pthread_t reader;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards `line` */
static pthread_cond_t taken = PTHREAD_COND_INITIALIZER;
static char *line; /* what the reader hands over; NULL again when the loop has dealt with it */

/* Writes ,"key":"value" or nothing. In JSON, \u and four digits may stand for any character. */
static void put_field(FILE *json, const char *key, const char *value)
{
    if (value == NULL)
        return;
    fprintf(json, ",\"%s\":\"", key);
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\' || (unsigned char)*value < ' ')
            fprintf(json, "\\u%04x", (unsigned)*value);
        else
            fputc(*value, json);
    }
    fputc('"', json);
}

/* Sends a frame: lws_write() may be called once each time that the connection is writeable. */
static int send_frame(struct lws *wsi, const char *type, const char *target, const char *content)
{
    char *bytes;
    size_t size;
    FILE *json = open_memstream(&bytes, &size); /* a file in memory, which grows: nothing overflows */
    if (json == NULL)
        return -1; /* from a callback, this closes the connection */
    fprintf(json, "%*s{\"type\":\"%s\"", (int)LWS_PRE, "", type); /* lws_write() fills the LWS_PRE bytes */
    put_field(json, "sender", name);
    put_field(json, "target", target);
    put_field(json, "content", content);
    fputc('}', json);
    if (fclose(json) != 0)
        return -1;

    size_t length = size - LWS_PRE;
    bool failed = false;
    if (length > FRAME_BYTES)
        warnx("el mensaje es demasiado largo: no se envió");
    else
        failed = lws_write(wsi, (unsigned char *)bytes + LWS_PRE, length, LWS_WRITE_TEXT) < (int)length;
    free(bytes);
    return failed ? -1 : 0;
}

/* Sends what a line asks for. If an argument is missing (NULL) or wrong, the server says so. */
static int obey(struct lws *wsi, char *rest)
{
    if (rest[0] != '/')
        return rest[0] != '\0' ? send_frame(wsi, "broadcast", NULL, rest) : 0;
    const char *command = strsep(&rest, " "); /* cuts at the space and moves `rest` behind it */
    if (strcmp(command, "/privado") == 0) {
        const char *target = strsep(&rest, " ");
        return send_frame(wsi, "private", target, rest);
    }
    if (strcmp(command, "/lista") == 0)
        return send_frame(wsi, "list_users", NULL, NULL);
    if (strcmp(command, "/info") == 0)
        return send_frame(wsi, "user_info", rest, NULL);
    if (strcmp(command, "/estado") == 0)
        return send_frame(wsi, "change_status", NULL, rest);
    if (strcmp(command, "/salir") == 0)
        return send_frame(wsi, "disconnect", NULL, "Cierre de sesión");
    warnx(COMMANDS);
    return 0;
}

/* The reader. Before the next line it waits for the loop, so fast input cannot fill the memory. */
static void *read_input(void *unused)
{
    static char *input, leave[] = "/salir"; /* static: they outlive the thread, should main() cancel it */
    size_t room = 0;
    char *text;
    do {
        text = getline(&input, &room, stdin) < 0 ? leave : input; /* the end of the input is a /salir */
        text[strcspn(text, "\n")] = '\0';
        pthread_mutex_lock(&lock);
        line = text;
        lws_cancel_service(context); /* wakes the loop: the only lws call allowed in another thread */
        while (line != NULL)
            pthread_cond_wait(&taken, &lock);
        pthread_mutex_unlock(&lock);
    } while (strcmp(text, "/salir") != 0);
    return unused;
}

/* The connection is writeable. It may be so unasked: see first whether there is something to send. */
static int on_writeable(struct lws *wsi)
{
    if (!announced) {
        announced = true;
        return send_frame(wsi, "register", NULL, NULL);
    }
    pthread_mutex_lock(&lock);
    int result = line != NULL ? obey(wsi, line) : 0;
    line = NULL;
    pthread_cond_signal(&taken);
    pthread_mutex_unlock(&lock);
    return result;
}

/* The type of the first frame says whether we are in: only then is there something to read lines for. */
static signed char on_json(struct lejp_ctx *json, char reason)
{
    if (reason == LEJPCB_VAL_STR_END && strcmp(json->path, "type") == 0 &&
        strcmp(json->buf, "register_success") == 0)
        registered = pthread_create(&reader, NULL, read_input, NULL) == 0;
    return 0;
}

/* Prints a frame, or the piece of one that is here. No NUL ends it: only `length` says how long it is. */
static int on_receive(struct lws *wsi, const void *piece, size_t length)
{
    if (!registered)
        lejp_parse(&parser, piece, (int)length);
    fwrite(piece, 1, length, stdout);
    if (lws_remaining_packet_payload(wsi) > 0 || !lws_is_final_fragment(wsi))
        return 0;
    putchar('\n');
    return fflush(stdout) == 0 && registered ? 0 : -1;
}

/* There will be no connection. `why` has `length` bytes, or with -1 ends in NUL. */
static void on_failure(const char *why, int length)
{
    warnx("no hay conexión con %s, puerto %d: %.*s", host, port, length, why);
    finished = true;
    lws_cancel_service(context); /* so that lws_service() returns, and main() sees it */
}

/* The server closes: two bytes of code, the high one first, then perhaps a reason. No NUL ends that either. */
static void on_close(const unsigned char *bytes, size_t length)
{
    int code = length >= 2 ? bytes[0] << 8 | bytes[1] : LWS_CLOSE_STATUS_NO_STATUS;
    if (length > 2)
        warnx("el servidor cerró la conexión: %d %.*s", code, (int)length - 2, (const char *)bytes + 2);
    else
        warnx("el servidor cerró la conexión: %d", code);
    left = registered && code == LWS_CLOSE_STATUS_NORMAL;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    (void)user;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        lejp_construct(&parser, on_json, NULL, NULL, 0);
        connection = wsi;
        lws_callback_on_writable(wsi);
        break;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED: /* the reader has a line; this `wsi` is not the connection */
        if (connection != NULL)
            lws_callback_on_writable(connection);
        break;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return on_writeable(wsi);
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return on_receive(wsi, in, length);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        on_close(in, length);
        break;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: /* `in` is why, or NULL */
        on_failure(in != NULL ? in : "sin motivo", in != NULL ? (int)length : -1);
        break;
    case LWS_CALLBACK_CLIENT_CLOSED:
        connection = NULL;
        finished = true;
        break;
    case LWS_CALLBACK_WSI_DESTROY: /* comes last, and alone when the time for the handshake is over */
        if (!finished)
            on_failure("el servidor no contesta", -1);
        break;
    default:
        break;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct lws_protocols protocols[] = {{.name = "chat-protocol", .callback = on_event}, {0}};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        puts(USAGE "\n" COMMANDS);
        return EXIT_SUCCESS;
    }
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') /* an option, not a name: this program has no other */
            errx(EXIT_FAILURE, USAGE);
    }
    if (argc > 2)
        host = argv[2];
    if (argc > 3)
        port = atoi(argv[3]);
    if (argc < 2 || argc > 4 || port < 1 || port > 65535)
        errx(EXIT_FAILURE, USAGE);
    name = argv[1];

    lws_set_log_level(LLL_ERR, NULL);
    context = lws_create_context(&(struct lws_context_creation_info){
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .timeout_secs = 5,        /* for the server to answer the handshake */
        .fd_limit_per_thread = 3, /* the connection, the pipe that wakes the loop, and one to spare */
    });
    if (context == NULL)
        errx(EXIT_FAILURE, "libwebsockets no arranca");
    struct lws *wsi = lws_client_connect_via_info(&(struct lws_client_connect_info){
        .context = context,
        .address = host,
        .host = host,
        .port = port,
        .path = "/chat",
        .protocol = protocols[0].name,
    });
    if (wsi == NULL && !finished) /* no callback has said why: so it is with a name that cannot be looked up */
        on_failure("¿existe ese servidor?", -1);
    while (!finished && lws_service(context, 0) >= 0)
        continue;

    if (registered) {
        pthread_cancel(reader); /* it may still wait for a line */
        pthread_join(reader, NULL);
    }
    lws_context_destroy(context);
    if (!left)
        warnx(registered ? "se perdió la conexión" : "no se pudo entrar al chat");
    return left ? EXIT_SUCCESS : EXIT_FAILURE;
}
