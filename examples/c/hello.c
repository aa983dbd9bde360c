/*
 * The sample of section 6 of the protocol, made right: it registers, says hello, asks who is there,
 * leaves, and prints what comes. client.c is what grows out of it.
 */
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *name;
static int sent;      /* how many frames */
static bool registered;
static bool finished; /* the connection has ended, or there was none */

/* Sends a frame. `name` stands in the JSON as it is: no quotes or backslashes, please. */
static int send_frame(struct lws *wsi, const char *type, const char *content)
{
    unsigned char buffer[LWS_PRE + 512]; /* lws_write() fills the LWS_PRE bytes: a literal has no such room */
    size_t room = sizeof buffer - LWS_PRE;
    int length = snprintf((char *)buffer + LWS_PRE, room, "{\"type\":\"%s\",\"sender\":\"%s\",\"content\":\"%s\"}",
                          type, name, content);
    if (length < 0 || (size_t)length >= room)
        return -1; /* from a callback, this closes the connection */
    return lws_write(wsi, buffer + LWS_PRE, (size_t)length, LWS_WRITE_TEXT) < length ? -1 : 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    static const char *const frames[][2] = {
        {"register", ""}, {"broadcast", "Hola a todos"}, {"list_users", ""}, {"disconnect", "Cierre de sesión"}};
    static const char success[] = "{\"type\":\"register_success\"";
    (void)user;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        lws_callback_on_writable(wsi); /* ask to be writeable: it does not come by itself */
        break;
    case LWS_CALLBACK_CLIENT_WRITEABLE: /* one lws_write() each time */
        if (sent == 4)
            break;
        if (send_frame(wsi, frames[sent][0], frames[sent][1]) != 0)
            return -1;
        if (++sent < 4)
            lws_callback_on_writable(wsi);
        break;
    case LWS_CALLBACK_CLIENT_RECEIVE: /* a frame, or a piece of one; no NUL ends it */
        if (lws_is_first_fragment(wsi) && length >= sizeof success - 1 && memcmp(in, success, sizeof success - 1) == 0)
            registered = true; /* a program with more to say would parse the JSON: client.c does */
        fwrite(in, 1, length, stdout);
        if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0)
            putchar('\n');
        break;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        fprintf(stderr, "no hay conexión: %s\n", in != NULL ? (const char *)in : "sin motivo");
        finished = true;
        break;
    case LWS_CALLBACK_CLIENT_CLOSED: /* the server closes after `disconnect` */
        finished = true;
        break;
    default:
        break;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct lws_protocols protocols[] = {{.name = "chat-protocol", .callback = on_event}, {0}};
    if (argc > 3 || (argc > 1 && argv[1][0] == '-')) {
        fputs("uso: hello [NOMBRE [PUERTO]]\n", stderr);
        return EXIT_FAILURE;
    }
    name = argc > 1 ? argv[1] : "Ana";
    lws_set_log_level(LLL_ERR, NULL);
    struct lws_context *context = lws_create_context(
        &(struct lws_context_creation_info){.port = CONTEXT_PORT_NO_LISTEN, .protocols = protocols});
    if (context == NULL)
        return EXIT_FAILURE;
    lws_client_connect_via_info(&(struct lws_client_connect_info){
        .context = context,
        .address = "127.0.0.1",
        .host = "127.0.0.1",
        .port = argc > 2 ? atoi(argv[2]) : 3000,
        .path = "/chat",
        .protocol = protocols[0].name,
    });
    while (!finished && lws_service(context, 0) >= 0)
        continue;
    lws_context_destroy(context);
    return registered ? EXIT_SUCCESS : EXIT_FAILURE;
}
