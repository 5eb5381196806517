/* A fast stdio MCP responder: what it costs is not the measurement, so ratios show the client.
 *
 * Answers every well-formed request on one line with a fixed result, its id copied as it was written. Lines that
 * hold no JSON object, notifications and responses get no answer. It looks at an object's top level alone.
 *
 *   RESPONDER_COUNT=FILE   the lines read are counted there as they come (`count.h`: a slot for each process)
 *   RESPONDER_LOG=FILE     every line read is appended, so that it can be counted how many differ
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "count.h"

#define TEXT(s) "{\"type\":\"string\",\"maxLength\":" s "}"
#define TOOL(name, about, properties, required)                                                            \
    "{\"name\":\"" name "\",\"description\":\"" about "\",\"annotations\":{\"readOnlyHint\":true},"          \
    "\"inputSchema\":{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required "],"     \
    "\"additionalProperties\":false}}"
#define INTEGER "{\"type\":\"integer\"}"
static const char TOOLS[] = "\"result\":{\"tools\":["
    TOOL("echo", "Gives back the text", "\"text\":" TEXT("10000"), "\"text\"") ","
    TOOL("add", "Adds two integers", "\"a\":" INTEGER ",\"b\":" INTEGER, "\"a\",\"b\"") ","
    TOOL("pick", "Picks by name", "\"name\":{\"type\":\"string\",\"enum\":[\"red\",\"green\",\"blue\"]}", "\"name\"") "]}";
static const char CALLED[] = "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"ok\"}],\"isError\":false}";
static const char EMPTY[] = "\"result\":{}";
static const char UNKNOWN[] = "\"error\":{\"code\":-32601,\"message\":\"Method not found\"}";
static const char HELLO[] = "\"result\":{\"protocolVersion\":\"%.10s\",\"capabilities\":{\"tools\":{}},"
    "\"serverInfo\":{\"name\":\"responder\",\"version\":\"1.0\"}}";
static const char *REVISIONS[] = {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"};

struct buffer { char *data; size_t used, size; };
static struct buffer in, out;
static volatile sig_atomic_t stopped;

static void grow(struct buffer *b, size_t more) {
    if (b->used + more <= b->size) return;
    while (b->used + more > b->size) b->size = b->size ? b->size * 2 : 1 << 16;
    if (!(b->data = realloc(b->data, b->size))) _exit(70);
}

static void put(const char *data, size_t length) {
    grow(&out, length);
    memcpy(out.data + out.used, data, length);
    out.used += length;
}

static const char *blank(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r')) p++;
    return p;
}

/* The end of the string that starts at p, or NULL. */
static const char *string(const char *p, const char *end) {
    for (p++; p < end; p++) {
        if (*p == '\\') p++;
        else if (*p == '"') return p + 1;
    }
    return NULL;
}

/* The end of the value that starts at p, or NULL; what is nested is counted, not looked at. */
static const char *value(const char *p, const char *end) {
    const char *start = p;
    for (long depth = 0; p && p < end;) {
        if (*p == '"') p = string(p, end);
        else if (*p == '{' || *p == '[') depth++, p++;
        else if (*p == '}' || *p == ']') { if (!depth) return p > start ? p : NULL; depth--, p++; }
        else if (*p == ',' && !depth) return p > start ? p : NULL;
        else p++;
        if (p && !depth && (p[-1] == '"' || p[-1] == '}' || p[-1] == ']')) return p;
    }
    return NULL;
}

static int is(const char *p, size_t length, const char *text) {
    return length == strlen(text) + 2 && !memcmp(p + 1, text, length - 2);
}

static void answer(const char *line, const char *end) {
    const char *id = NULL, *method = NULL, *params = NULL, *p = blank(line, end);
    size_t id_length = 0, method_length = 0, params_length = 0;
    if (p == end || *p++ != '{') return;
    for (;;) {
        const char *key = blank(p, end), *key_end, *start;
        if (key == end || *key != '"' || !(key_end = string(key, end))) return;
        p = blank(key_end, end);
        if (p == end || *p != ':') return;
        start = blank(p + 1, end);
        if (!(p = value(start, end))) return;
        if (is(key, key_end - key, "id")) id = start, id_length = p - start;
        else if (is(key, key_end - key, "method")) method = start, method_length = p - start;
        else if (is(key, key_end - key, "params")) params = start, params_length = p - start;
        p = blank(p, end);
        if (p == end || (*p != ',' && *p != '}')) return;
        if (*p++ == '}') break;
    }
    if (blank(p, end) != end || !id || !method || *method != '"') return;
    while (id_length && (id[id_length - 1] == ' ' || id[id_length - 1] == '\t')) id_length--;
    if (*id != '"' && *id != '-' && (*id < '0' || *id > '9')) return;
    put("{\"jsonrpc\":\"2.0\",\"id\":", 22);
    put(id, id_length);
    put(",", 1);
    if (is(method, method_length, "tools/call")) put(CALLED, sizeof CALLED - 1);
    else if (is(method, method_length, "tools/list")) put(TOOLS, sizeof TOOLS - 1);
    else if (is(method, method_length, "ping")) put(EMPTY, sizeof EMPTY - 1);
    else if (is(method, method_length, "initialize")) {
        const char *revision = REVISIONS[3];
        for (int i = 0; i < 4; i++)
            if (params && memmem(params, params_length, REVISIONS[i], 10)) revision = REVISIONS[i];
        grow(&out, sizeof HELLO + 10);
        out.used += sprintf(out.data + out.used, HELLO, revision);
    } else put(UNKNOWN, sizeof UNKNOWN - 1);
    put("}\n", 2);
}

static int all(int fd, const char *data, size_t length) {
    while (length) {
        ssize_t done = write(fd, data, length);
        if (done < 0 && errno == EINTR && !stopped) continue;
        if (done < 0) return 0;
        data += done, length -= done;
    }
    return 1;
}

static void stop(int number) { (void)number; stopped = 1; }

int main(void) {
    const char *log = getenv("RESPONDER_LOG");
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, log_fd = log && *log ? open(log, flags, 0600) : -1;
    struct sigaction action = {.sa_handler = stop};
    struct slot *slot = slot_of(getenv("RESPONDER_COUNT"));
    size_t searched = 0;
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    while (!stopped) {
        grow(&in, 1 << 16);
        ssize_t got = read(0, in.data + in.used, in.size - in.used);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        in.used += got;
        char *line = in.data, *end = in.data + in.used, *stop_at;
        uint64_t lines = 0;
        while ((stop_at = memchr(line + searched, '\n', end - line - searched))) {
            answer(line, stop_at);
            lines++, line = stop_at + 1, searched = 0;
        }
        searched = end - line;
        slot_add(slot, lines);
        if (log_fd >= 0 && line > in.data) all(log_fd, in.data, line - in.data);
        if (out.used && !all(1, out.data, out.used)) break;
        out.used = 0;
        if (line > in.data) memmove(in.data, line, searched);
        in.used = searched;
    }
    return 0;
}
