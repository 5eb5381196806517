// A Streamable HTTP server that answers as fast as one core allows: epoll, keep-alive, one answer for every request.
// The id is that of the request; initialize and the modern probe are answered as an old server does.
//     cc -O2 -D_GNU_SOURCE -o http_responder http_responder.c && ./http_responder      (prints its port)
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM 65536
#define MOST 65536
static struct { char *data; int used; } peers[MOST];

static const char *RESULT = "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"3\"}]}}";
static const char *INIT = "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"serverInfo\":{}}}";
static const char *UNKNOWN = "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"error\":{\"code\":-32601,\"message\":\"x\"}}";

static int answer(char *out, const char *body, int size) {
    const char *id = memmem(body, size, "\"id\":", 5);
    if (!id) return sprintf(out, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
    id += 5;
    int digits = strspn(id, "0123456789");
    const char *form = memmem(body, size, "server/discover", 15) ? UNKNOWN : memmem(body, size, "initialize", 10) ? INIT : RESULT;
    char text[512];
    int length = snprintf(text, sizeof text, form, digits, id);
    return sprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", length, text);
}

static int serve(int peer) {
    char *data = peers[peer].data;
    int got = read(peer, data + peers[peer].used, ROOM - 1 - peers[peer].used);
    if (got <= 0) return 0;
    int used = peers[peer].used + got, at = 0, filled = 0;
    static char out[ROOM * 4];
    data[used] = 0;
    for (;;) {
        char *end = memmem(data + at, used - at, "\r\n\r\n", 4);
        if (!end) break;
        *end = 0;
        char *said = strcasestr(data + at, "content-length:");
        *end = '\r';
        int size = said ? atoi(said + 15) : 0, whole = end + 4 - data + size;
        if (whole > used || filled > ROOM * 3) break;
        filled += answer(out + filled, end + 4, size);
        at = whole;
    }
    memmove(data, data + at, used - at);
    peers[peer].used = used - at;
    return filled == 0 || write(peer, out, filled) == filled;
}

int main(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof where;
    if (bind(listener, (void *)&where, size) || listen(listener, 4096) || getsockname(listener, (void *)&where, &size)) return 1;
    printf("%d\n", ntohs(where.sin_port));
    fflush(stdout);
    int poll = epoll_create1(0);
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = listener}, came[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &wanted);
    for (;;) {
        int count = epoll_wait(poll, came, 256, -1);
        for (int i = 0; i < count; i++) {
            int peer = came[i].data.fd;
            if (peer == listener) {
                if ((peer = accept(listener, 0, 0)) < 0) continue;
                if (peer >= MOST) { close(peer); continue; }
                setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                if (!peers[peer].data) peers[peer].data = malloc(ROOM);
                peers[peer].used = 0;
                wanted.data.fd = peer;
                epoll_ctl(poll, EPOLL_CTL_ADD, peer, &wanted);
            } else if (!serve(peer)) {
                close(peer);
            }
        }
    }
}
