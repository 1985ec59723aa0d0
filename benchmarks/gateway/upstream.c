/* An MCP server over Streamable HTTP that costs next to nothing: what the gateway's benchmark calls behind every
 * participant. One thread, epoll, kept connections, both protocol eras, no sessions. Usage: upstream [TOOLS]
 *
 * It listens on a free port of 127.0.0.1, prints it, and ends with its standard input. It reads of a message the
 * method and the id (anywhere in the outermost object), and believes the rest. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 4096, MOST_REQUEST = 1 << 20, FIRST_BUFFER = 16384, BODY_AT = 4096, WAIT_MS = 10000 };

typedef struct {
    char *data;
    size_t filled, room;
} Buffer;

typedef struct {
    const char *at;
    size_t length;
} Slice;

static Buffer in[MOST_CONNECTIONS];
static char *tools;

#define CALLED                                                                                                      \
    "{\"content\":[{\"type\":\"text\",\"text\":\"Order ORD-1003: shipped by Nordpost, two lines, nothing "          \
    "open.\"}],\"isError\":false,\"resultType\":\"complete\"}"
#define INFO "{\"name\":\"upstream\",\"version\":\"1\"}"
#define ABLE "\"capabilities\":{\"tools\":{\"listChanged\":false}}"
#define KEPT "\"resultType\":\"complete\",\"ttlMs\":60000,\"cacheScope\":\"private\""
#define DISCOVERED                                                                                                  \
    "{\"supportedVersions\":[\"2026-07-28\"]," ABLE "," KEPT                                                        \
    ",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":" INFO "}}"
#define INITIALIZED "{\"protocolVersion\":\"2025-06-18\"," ABLE ",\"serverInfo\":" INFO "}"
#define SCHEMA                                                                                                      \
    "{\"type\":\"object\",\"properties\":{\"customer\":{\"type\":\"string\",\"maxLength\":64},"                     \
    "\"amount_minor\":{\"type\":\"integer\",\"minimum\":0},\"path\":{\"type\":\"string\"}},"                        \
    "\"required\":[\"customer\",\"amount_minor\",\"path\"],\"additionalProperties\":false}"

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void make_tools(int count) {
    size_t room = 256 + (size_t)count * 640, used = 0;
    if (!(tools = malloc(room))) fail("malloc");
    used += sprintf(tools, "{\"tools\":[");
    for (int n = 0; n < count; n++)
        used += sprintf(tools + used,
                        "%s{\"name\":\"tool_%d\",\"description\":\"Looks an order up in archive %d: its state, its "
                        "carrier, its lines.\",\"inputSchema\":" SCHEMA
                        ",\"annotations\":{\"readOnlyHint\":true,\"idempotentHint\":true}}",
                        n ? "," : "", n, n);
    sprintf(tools + used, "]," KEPT "}");
}

static bool is(Slice slice, const char *text) {
    return slice.length == strlen(text) && !memcmp(slice.at, text, slice.length);
}

/* The text of the values of "id" and "method" in the outermost object; empty where there is none. */
static void scan(const char *at, const char *end, Slice *id, Slice *method) {
    int depth = 0;
    Slice key = {0}, last = {0};
    const char *value = NULL;
    for (; at < end; at++) {
        char c = *at;
        if (c == '"') {
            const char *start = at++;
            while (at < end && *at != '"') at += *at == '\\' ? 2 : 1;
            last = (Slice){start, (size_t)(at - start) + 1};
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == ':' && depth == 1) {
            key = last;
            value = at + 1;
        } else if (depth == 1 && value && (c == ',' || c == '}')) {
            const char *stop = at;
            while (value < stop && (*value == ' ' || *value == '\n')) value++;
            while (stop > value && (stop[-1] == ' ' || stop[-1] == '\n')) stop--;
            Slice found = {value, (size_t)(stop - value)};
            if (is(key, "\"id\"")) *id = found;
            if (is(key, "\"method\"")) *method = found;
            value = NULL;
            if (c == '}') return;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
}

static bool send_all(int to, const char *data, size_t length) {
    while (length) {
        ssize_t sent = send(to, data, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd wait = {to, POLLOUT, 0};
            if (poll(&wait, 1, WAIT_MS) <= 0) return false;
            continue;
        }
        if (sent <= 0) return false;
        data += sent;
        length -= (size_t)sent;
    }
    return true;
}

static bool reply(int to, Slice id, const char *member, const char *value) {
    static char small[BODY_AT + FIRST_BUFFER];
    size_t size = strlen(value), body = strlen("{\"jsonrpc\":\"2.0\",\"id\":,\"\":}") + id.length + strlen(member) + size;
    int head = snprintf(small, BODY_AT,
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n"
                        "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"%s\":",
                        body, (int)id.length, id.at, member);
    if (head >= BODY_AT) return false;
    if (size + 1 < FIRST_BUFFER) {
        memcpy(small + head, value, size);
        small[(size_t)head + size] = '}';
        return send_all(to, small, (size_t)head + size + 1);
    }
    return send_all(to, small, (size_t)head) && send_all(to, value, size) && send_all(to, "}", 1);
}

static bool bare(int to, const char *status) {
    char head[128];
    int length = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", status);
    return send_all(to, head, (size_t)length);
}

static bool answer(int to, const char *body, size_t length) {
    Slice id = {0}, method = {0};
    scan(body, body + length, &id, &method);
    if (!id.length) return bare(to, "202 Accepted");
    if (is(method, "\"tools/call\"")) return reply(to, id, "result", CALLED);
    if (is(method, "\"tools/list\"")) return reply(to, id, "result", tools);
    if (is(method, "\"server/discover\"")) return reply(to, id, "result", DISCOVERED);
    if (is(method, "\"initialize\"")) return reply(to, id, "result", INITIALIZED);
    if (is(method, "\"ping\"")) return reply(to, id, "result", "{}");
    return reply(to, id, "error", "{\"code\":-32601,\"message\":\"no such method\"}");
}

/* The length of the body that a head announces; -1 where it cannot be read (chunks, or too much). */
static long body_length(const char *head, size_t length) {
    long found = 0;
    for (const char *line = head; line < head + length;) {
        if (!strncasecmp(line, "content-length:", 15)) found = strtol(line + 15, NULL, 10);
        if (!strncasecmp(line, "transfer-encoding:", 18)) return -1;
        const char *next = memchr(line, '\n', length - (size_t)(line - head));
        if (!next) break;
        line = next + 1;
    }
    return found < 0 || found > MOST_REQUEST ? -1 : found;
}

/* Answers every whole request in the buffer; false where the connection is to be closed. */
static bool serve(int to, Buffer *buffer) {
    size_t used = 0;
    while (used < buffer->filled) {
        char *start = buffer->data + used;
        size_t left = buffer->filled - used;
        char *split = memmem(start, left, "\r\n\r\n", 4);
        if (!split) break;
        size_t head = (size_t)(split - start) + 4;
        long length = body_length(start, head);
        if (length < 0) return bare(to, "411 Length Required"), false;
        if (left < head + (size_t)length) break;
        bool fine = strncmp(start, "POST ", 5) ? bare(to, "405 Method Not Allowed")
                                               : answer(to, start + head, (size_t)length);
        if (!fine) return false;
        used += head + (size_t)length;
    }
    memmove(buffer->data, buffer->data + used, buffer->filled - used);
    buffer->filled -= used;
    return true;
}

static bool take(int from, Buffer *buffer) {
    if (buffer->filled + 1 >= buffer->room) {
        size_t room = buffer->room ? buffer->room * 2 : FIRST_BUFFER;
        if (room > 2 * MOST_REQUEST || !(buffer->data = realloc(buffer->data, room))) return false;
        buffer->room = room;
    }
    ssize_t got = recv(from, buffer->data + buffer->filled, buffer->room - buffer->filled - 1, 0);
    if (got < 0 && errno == EAGAIN) return true;
    if (got <= 0) return false;
    buffer->filled += (size_t)got;
    buffer->data[buffer->filled] = 0;
    return serve(from, buffer);
}

static void add(int epoll, int what) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = what};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, what, &event)) fail("epoll_ctl");
}

static void welcome(int epoll, int listener) {
    int one = 1, made;
    while ((made = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (made >= MOST_CONNECTIONS) {
            close(made);
            continue;
        }
        setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        in[made].filled = 0;
        add(epoll, made);
    }
}

static int listen_here(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (void *)&at, size) || listen(listener, 1024)) fail("listen");
    if (getsockname(listener, (void *)&at, &size)) fail("getsockname");
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return listener;
}

int main(int count, char **words) {
    make_tools(count > 1 ? atoi(words[1]) : 10);
    int epoll = epoll_create1(EPOLL_CLOEXEC), listener = listen_here();
    add(epoll, listener);
    add(epoll, STDIN_FILENO);
    struct epoll_event events[256];
    for (;;) {
        int ready = epoll_wait(epoll, events, 256, -1);
        for (int n = 0; n < ready; n++) {
            int from = events[n].data.fd;
            if (from == STDIN_FILENO) return 0; /* nothing is ever said there: it was closed */
            if (from == listener) welcome(epoll, listener);
            else if (!take(from, &in[from])) close(from);
        }
    }
}
