// The door to libfcgi, and to the Linux calls of the event loop that Swift cannot import: those that glibc declares
// only under _GNU_SOURCE, variadic ones, and the packed union in epoll_event.
#pragma once

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

// glibc shows these two under _GNU_SOURCE only. Defining it here would give fd_set other members than Swift's own
// modules give it, and no program could then import both.
extern int accept4(int, struct sockaddr *, socklen_t *, int);
extern int pipe2(int[2], int);

/// What epoll reports, without the packed union that Swift does not import.
typedef struct {
    uint64_t token;
    uint32_t events;
} cfastcgi_event;

enum {
    cfastcgi_readable = EPOLLIN,
    cfastcgi_writable = EPOLLOUT,
    cfastcgi_peer_closed = EPOLLRDHUP,
    cfastcgi_exclusive = EPOLLEXCLUSIVE,
};

/// How many events one wait hands over at most.
enum { cfastcgi_batch = 64 };

static inline int cfastcgi_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static inline int cfastcgi_epoll_change(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    return epoll_ctl(epoll, operation, descriptor, &event);
}

static inline int cfastcgi_epoll_add(int epoll, int descriptor, uint32_t events, uint64_t token) {
    return cfastcgi_epoll_change(epoll, EPOLL_CTL_ADD, descriptor, events, token);
}

static inline int cfastcgi_epoll_modify(int epoll, int descriptor, uint32_t events, uint64_t token) {
    return cfastcgi_epoll_change(epoll, EPOLL_CTL_MOD, descriptor, events, token);
}

static inline int cfastcgi_epoll_remove(int epoll, int descriptor) {
    return cfastcgi_epoll_change(epoll, EPOLL_CTL_DEL, descriptor, 0, 0);
}

/// Waits for events; an interrupted wait counts as one that timed out. Returns their number, or -1.
static inline int cfastcgi_epoll_wait(int epoll, cfastcgi_event *events, int capacity, int milliseconds) {
    struct epoll_event raw[cfastcgi_batch];
    int count = epoll_wait(epoll, raw, capacity < cfastcgi_batch ? capacity : cfastcgi_batch, milliseconds);
    if (count < 0) return errno == EINTR ? 0 : -1;
    for (int i = 0; i < count; i++) {
        events[i].token = raw[i].data.u64;
        events[i].events = raw[i].events;
    }
    return count;
}

/// Accepts a connection that no child inherits. Each of its reads and writes says itself that it does not block.
static inline int cfastcgi_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_CLOEXEC); }

/// Sends what three pieces hold from byte `skip` of them all on, without waiting and without a signal.
/// Returns how many bytes the socket took, or -1.
static inline ssize_t cfastcgi_send(
    int socket, const void *a, size_t a_count, const void *b, size_t b_count, const void *c, size_t c_count, size_t skip
) {
    struct iovec pieces[3] = {
        {.iov_base = (void *)a, .iov_len = a_count},
        {.iov_base = (void *)b, .iov_len = b_count},
        {.iov_base = (void *)c, .iov_len = c_count},
    };
    int first = 0;
    while (first < 3 && skip >= pieces[first].iov_len) skip -= pieces[first++].iov_len;
    if (first == 3) return 0;
    pieces[first].iov_base = (char *)pieces[first].iov_base + skip;
    pieces[first].iov_len -= skip;
    struct msghdr message = {.msg_iov = pieces + first, .msg_iovlen = (size_t)(3 - first)};
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/// Whether the descriptor is a socket that listens.
static inline int cfastcgi_is_listening(int descriptor) {
    int listening = 0;
    socklen_t size = sizeof listening;
    return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

static inline int cfastcgi_set_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 ? -1 : fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

/// A pipe that never blocks and that no child inherits.
static inline int cfastcgi_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC | O_NONBLOCK); }

/// Ignores SIGPIPE, and turns TERM, INT and USR1 into reads from the descriptor it returns. To be called before any
/// thread is made, since threads inherit the mask.
static inline int cfastcgi_stop_signals(void) {
    signal(SIGPIPE, SIG_IGN);
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGUSR1);
    if (sigprocmask(SIG_BLOCK, &stop, NULL) != 0) return -1;
    return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}
