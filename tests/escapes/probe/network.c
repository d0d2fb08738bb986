/* Sockets of every family, and the other doors to a network. */
#include "probe.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>

#define VERB(name) static void name(int argc __attribute__((unused)), char **argv __attribute__((unused)))

/* ADDRESS:PORT, with a v6 address in brackets. */
static socklen_t address(const char *text, struct sockaddr_storage *out) {
    char host[128];
    memset(out, 0, sizeof *out);
    const char *colon = strrchr(text, ':');
    if (!colon) exit(2);
    snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    if (host[0] == '[') {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
        host[strlen(host) - 1] = 0;
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((uint16_t)atoi(colon + 1));
        if (inet_pton(AF_INET6, host + 1, &six->sin6_addr) != 1) exit(2);
        return sizeof *six;
    }
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    four->sin_family = AF_INET;
    four->sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &four->sin_addr) != 1) exit(2);
    return sizeof *four;
}

/* A path, or @NAME for an abstract one. */
static socklen_t unix_address(const char *text, struct sockaddr_un *out) {
    memset(out, 0, sizeof *out);
    out->sun_family = AF_UNIX;
    strncpy(out->sun_path, text, sizeof out->sun_path - 1);
    if (text[0] == '@') {
        out->sun_path[0] = 0;
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text));
    }
    return sizeof *out;
}

static int made(int family, int type, int protocol) {
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);
    if (fd < 0) failed("socket");
    return fd;
}

/* Connects without waiting for longer than 300 ms; being under way is success, for nobody need answer. */
static void try_connect(int fd, const void *to, socklen_t length) {
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (connect(fd, to, length) && errno != EINPROGRESS) failed("connect");
    struct pollfd wait = {.fd = fd, .events = POLLIN | POLLOUT};
    if (poll(&wait, 1, 300) == 1) {
        int problem = 0;
        socklen_t size = sizeof problem;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size);
        if (problem) {
            errno = problem;
            failed("connect");
        }
        /* Whoever has answered and gone already does not listen. */
        send(fd, "PROBE", 5, MSG_NOSIGNAL);
        wait.events = POLLIN;
        if (poll(&wait, 1, 300) == 1) show(fd);
        ok("connected");
    }
    ok("under way");
}

VERB(tcp) {
    struct sockaddr_storage to;
    socklen_t length = address(argv[0], &to);
    try_connect(made(to.ss_family, SOCK_STREAM, argc > 1 ? atoi(argv[1]) : 0), &to, length);
}
VERB(tcp_fast_open) {
    struct sockaddr_storage to;
    socklen_t length = address(argv[0], &to);
    int fd = made(to.ss_family, SOCK_STREAM, 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (sendto(fd, "PROBE", 5, MSG_FASTOPEN, (void *)&to, length) < 0 && errno != EINPROGRESS) failed("sendto");
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    poll(&wait, 1, 300);
    int problem = 0;
    socklen_t size = sizeof problem;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size);
    errno = problem;
    if (problem) failed("sendto");
    show(fd);
    ok("sent");
}
/* udp ADDRESS [how]: sendto, sendmsg, sendmmsg or connect. A refusal comes back as an error of the next call. */
VERB(udp) {
    struct sockaddr_storage to;
    socklen_t length = address(argv[0], &to);
    const char *how = argc > 1 ? argv[1] : "sendto";
    int fd = made(to.ss_family, SOCK_DGRAM, 0);
    struct iovec text = {"PROBE", 5};
    struct mmsghdr many = {.msg_hdr = {.msg_name = &to, .msg_namelen = length, .msg_iov = &text, .msg_iovlen = 1}};
    long out;
    if (strcmp(how, "connect") == 0) {
        if (connect(fd, (void *)&to, length)) failed("connect");
        out = send(fd, "PROBE", 5, 0);
    } else if (strcmp(how, "sendmsg") == 0)
        out = sendmsg(fd, &many.msg_hdr, 0);
    else if (strcmp(how, "sendmmsg") == 0)
        out = sendmmsg(fd, &many, 1, 0);
    else
        out = sendto(fd, "PROBE", 5, 0, (void *)&to, length);
    if (out < 0) failed(how);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (poll(&wait, 1, 300) == 1 && show(fd) < 0) failed("answer");
    ok("sent");
}
/* bind TYPE ADDRESS */
VERB(bind_inet) {
    struct sockaddr_storage to;
    socklen_t length = address(argv[1], &to);
    int fd = made(to.ss_family, strcmp(argv[0], "udp") ? SOCK_STREAM : SOCK_DGRAM, 0);
    if (bind(fd, (void *)&to, length)) failed("bind");
    if (strcmp(argv[0], "udp") && listen(fd, 1)) failed("listen");
    ok("bound");
}
/* serve PORT: listens on every address and stays; whoever connects is told. */
VERB(serve) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[0]))};
    int fd = made(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (void *)&any, sizeof any) || listen(fd, 8)) failed("bind");
    say("ok ready");
    for (;;) {
        int peer = accept(fd, NULL, NULL);
        if (peer >= 0) dprintf(peer, "SERVED"), close(peer);
    }
}
VERB(unix_stream) {
    struct sockaddr_un to;
    socklen_t length = unix_address(argv[0], &to);
    try_connect(made(AF_UNIX, SOCK_STREAM, 0), &to, length);
}
VERB(unix_datagram) {
    struct sockaddr_un to;
    socklen_t length = unix_address(argv[0], &to);
    result(sendto(made(AF_UNIX, SOCK_DGRAM, 0), "PROBE", 5, 0, (void *)&to, length), "sendto");
}
/* serve_unix NAME: keeps a listening socket. */
VERB(serve_unix) {
    struct sockaddr_un to;
    socklen_t length = unix_address(argv[0], &to);
    int fd = made(AF_UNIX, SOCK_STREAM, 0);
    if (bind(fd, (void *)&to, length) || listen(fd, 8)) failed("bind");
    say("ok ready");
    for (;;) {
        int peer = accept(fd, NULL, NULL);
        if (peer >= 0) dprintf(peer, "SERVED"), close(peer);
    }
}
VERB(make_socket) {
    result(socket((int)number(argv[0]), (int)number(argv[1]), (int)number(argv[2])) < 0 ? -1 : 0, "socket");
}
VERB(make_pair) {
    int fds[2];
    result(socketpair((int)number(argv[0]), (int)number(argv[1]), (int)number(argv[2]), fds), "socketpair");
}
VERB(interfaces) {
    struct ifaddrs *all;
    if (getifaddrs(&all)) failed("getifaddrs");
    for (struct ifaddrs *one = all; one; one = one->ifa_next) printf("%s\n", one->ifa_name);
    ok("listed");
}
/* netlink_add_address: asks rtnetlink to give the loopback a further address. */
VERB(add_address) {
    struct {
        struct nlmsghdr head;
        struct ifaddrmsg body;
        struct rtattr attribute;
        uint32_t address;
    } ask = {.head = {sizeof ask, RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 1, 0},
             .body = {AF_INET, 32, 0, RT_SCOPE_HOST, 1},
             .attribute = {8, IFA_LOCAL},
             .address = htonl(0xC0000201)};
    int fd = made(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (send(fd, &ask, sizeof ask, 0) < 0) failed("send");
    struct {
        struct nlmsghdr head;
        struct nlmsgerr body;
    } answer;
    if (recv(fd, &answer, sizeof answer, 0) < 0) failed("recv");
    errno = -answer.body.error;
    result(answer.body.error ? -1 : 0, "RTM_NEWADDR");
}
VERB(interface_up) {
    struct ifreq ask = {0};
    strcpy(ask.ifr_name, "lo");
    int fd = made(AF_INET, SOCK_DGRAM, 0);
    if (ioctl(fd, SIOCGIFFLAGS, &ask)) failed("SIOCGIFFLAGS");
    result(ioctl(fd, SIOCSIFFLAGS, &ask), "SIOCSIFFLAGS");
}
VERB(tunnel) {
    struct ifreq ask = {0};
    ask.ifr_flags = 0x1002; /* IFF_TAP | IFF_NO_PI */
    int fd = open("/dev/net/tun", O_RDWR);
    if (fd < 0) failed("open");
    result(ioctl(fd, _IOW('T', 202, int), &ask), "TUNSETIFF");
}
/* vsock CID PORT */
VERB(vsock) {
    struct {
        uint16_t family, zero;
        uint32_t port, cid;
        char rest[4];
    } to = {.family = 40, .port = (uint32_t)number(argv[1]), .cid = (uint32_t)number(argv[0])};
    int fd = made(40, SOCK_STREAM, 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (connect(fd, (void *)&to, sizeof to) && errno != EINPROGRESS) failed("connect");
    ok("under way");
}
/* own_loopback: talks to itself; must work everywhere, or a cell would be useless for servers under test. */
VERB(own_loopback) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int fd = made(AF_INET, SOCK_STREAM, 0), to = made(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (void *)&here, size) || listen(fd, 1)) failed("bind");
    getsockname(fd, (void *)&here, &size);
    result(connect(to, (void *)&here, size), "connect");
}

/* flip ONE OTHER: a thread turns the address between the two while we connect to it, over and over. */
static struct sockaddr_storage flip_address, flip_choices[2];
static volatile bool flip_stop;
static void *flipper(void *unused) {
    for (unsigned i = 0; !flip_stop; i++) {
        memcpy(&flip_address, &flip_choices[i & 1], sizeof(struct sockaddr_in));
        /* The compiler sees no reader, but the kernel is one. */
        __asm__ volatile("" ::: "memory");
    }
    return unused;
}
/* Connects and reads what the other side says; true if it said something. */
static bool hears(int fd, struct sockaddr_storage *to) {
    if (connect(fd, (void *)to, sizeof(struct sockaddr_in)) && errno != EINPROGRESS) return false;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char text[256];
    ssize_t n = poll(&wait, 1, 20) == 1 ? read(fd, text, sizeof text - 1) : 0;
    if (n <= 0) return false;
    text[n] = 0;
    say("%s", text);
    return true;
}
VERB(flip) {
    address(argv[0], &flip_choices[0]), address(argv[1], &flip_choices[1]);
    flip_address = flip_choices[0];
    pthread_t thread;
    if ((errno = pthread_create(&thread, NULL, flipper, NULL))) failed("pthread_create");
    bool heard = false;
    int last = 0;
    for (time_t end = time(NULL) + 3; !heard && time(NULL) < end;) {
        int fd = made(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        heard = hears(fd, &flip_address);
        if (!heard && errno) last = errno;
        close(fd);
    }
    flip_stop = true;
    pthread_join(thread, NULL);
    if (heard) ok("connected");
    errno = last ? last : ETIMEDOUT;
    failed("connect");
}
/* flip_descriptor ADDRESS: a thread puts a UNIX and a TCP socket behind the same number in turn. */
static int flip_sources[2], flip_number;
static void *descriptor_flipper(void *unused) {
    for (unsigned i = 0; !flip_stop; i++) dup2(flip_sources[i & 1], flip_number);
    return unused;
}
VERB(flip_descriptor) {
    struct sockaddr_storage to;
    address(argv[0], &to);
    bool heard = false;
    int last = 0;
    flip_number = dup(2);
    for (int round = 0; round < 50 && !heard; round++) {
        flip_stop = false;
        flip_sources[0] = made(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        flip_sources[1] = made(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        pthread_t thread;
        if ((errno = pthread_create(&thread, NULL, descriptor_flipper, NULL))) failed("pthread_create");
        for (int i = 0; i < 20 && !heard; i++) {
            heard = hears(flip_number, &to) || hears(flip_sources[1], &to);
            if (!heard && errno != EINVAL && errno != EPROTOTYPE && errno != EAFNOSUPPORT) last = errno;
        }
        flip_stop = true;
        pthread_join(thread, NULL);
        close(flip_sources[0]), close(flip_sources[1]);
    }
    if (heard) ok("connected");
    errno = last ? last : ETIMEDOUT;
    failed("connect");
}

const struct verb network_verbs[] = {
    {"flip", 2, flip},
    {"flip_descriptor", 1, flip_descriptor},
    {"tcp", 1, tcp},
    {"tcp_fast_open", 1, tcp_fast_open},
    {"udp", 1, udp},
    {"bind", 2, bind_inet},
    {"serve", 1, serve},
    {"unix", 1, unix_stream},
    {"unix_datagram", 1, unix_datagram},
    {"serve_unix", 1, serve_unix},
    {"socket", 3, make_socket},
    {"socketpair", 3, make_pair},
    {"interfaces", 0, interfaces},
    {"add_address", 0, add_address},
    {"interface_up", 0, interface_up},
    {"tunnel", 0, tunnel},
    {"vsock", 2, vsock},
    {"own_loopback", 0, own_loopback},
    {0},
};
