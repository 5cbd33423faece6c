/* An upstream that costs next to nothing: answers from memory, one read and one write per request.
 *
 *     canned PORT NEEDLE FILE [NEEDLE FILE ...]
 *
 * A request whose head has NEEDLE in it (the first one that fits) gets the next answer of FILE, in turn. A file
 * holds whole HTTP answers, each behind its length in decimal digits and a line feed. Requests have no body and
 * come in one piece, one at a time on a connection, as the gateway sends them; anything else ends the connection.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_POOLS = 8, MOST_ANSWERS = 100000, EVENTS = 256, HEAD = 65536 };

struct answer {
    char *bytes;
    size_t length;
};

struct pool {
    const char *needle;
    struct answer *answers;
    size_t count, next;
};

static struct pool pools[MOST_POOLS];
static int pool_count;

static void stop(const char *why) {
    perror(why);
    exit(1);
}

static void read_pool(const char *needle, const char *path) {
    struct pool *pool = &pools[pool_count++];
    FILE *file = fopen(path, "rb");
    size_t length;
    if (file == NULL || (pool->answers = calloc(MOST_ANSWERS, sizeof *pool->answers)) == NULL) stop(path);
    pool->needle = needle;
    while (pool->count < MOST_ANSWERS && fscanf(file, "%zu", &length) == 1 && fgetc(file) == '\n') {
        char *bytes = malloc(length);
        if (bytes == NULL || fread(bytes, 1, length, file) != length) stop(path);
        pool->answers[pool->count++] = (struct answer){bytes, length};
    }
    if (pool->count == 0) stop(path);
    fclose(file);
}

static int listening(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int sock = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(sock, (struct sockaddr *)&address, sizeof address) || listen(sock, 1024)) stop("listen");
    return sock;
}

static int answered(int sock) {
    char head[HEAD];
    ssize_t got = recv(sock, head, sizeof head, 0);
    if (got < 4 || memcmp(head + got - 4, "\r\n\r\n", 4) != 0) return 0;
    for (struct pool *pool = pools; pool < pools + pool_count; pool++) {
        if (memmem(head, (size_t)got, pool->needle, strlen(pool->needle)) == NULL) continue;
        struct answer answer = pool->answers[pool->next++ % pool->count];
        while (answer.length > 0) {
            ssize_t sent = send(sock, answer.bytes, answer.length, MSG_NOSIGNAL);
            if (sent < 0) return 0;
            answer.bytes += sent;
            answer.length -= (size_t)sent;
        }
        return 1;
    }
    return 0;
}

static void watch(int poll, int sock) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = sock};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, sock, &event)) stop("epoll_ctl");
}

int main(int count, char **words) {
    struct epoll_event ready[EVENTS];
    int poll = epoll_create1(0), on = 1;
    if (count < 4 || count % 2 || (count - 2) / 2 > MOST_POOLS) return 2;
    for (int n = 2; n < count; n += 2) read_pool(words[n], words[n + 1]);
    int listener = listening(atoi(words[1]));
    watch(poll, listener);
    for (;;) {
        int found = epoll_wait(poll, ready, EVENTS, -1);
        for (int n = 0; n < found; n++) {
            int sock = ready[n].data.fd;
            if (sock == listener) {
                int caller = accept(listener, NULL, NULL);
                if (caller < 0) continue;
                setsockopt(caller, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                watch(poll, caller);
            } else if (!answered(sock)) {
                close(sock);
            }
        }
    }
}
