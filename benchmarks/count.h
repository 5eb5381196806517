/* Lines that a server read, counted where a kill cannot take them away: each process has a slot of a shared file, and
 * the kernel keeps what is in it.
 *
 * A slot is four unsigned 64-bit numbers in the machine's own order: the process, its lines, and the nanoseconds
 * (CLOCK_MONOTONIC) of the first and of the last reading that brought one. `lines.py` reads them.
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct slot { uint64_t process, lines, first_ns, last_ns; };

/* A new slot of the file, or NULL. Slots never cross a page. */
static struct slot *slot_of(const char *path) {
    static const struct slot none;
    int fd = path && *path ? open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0) return NULL;
    ssize_t done = write(fd, &none, sizeof none);
    off_t end = lseek(fd, 0, SEEK_CUR), page = (end - (off_t)sizeof none) & -(off_t)sysconf(_SC_PAGESIZE);
    char *start = MAP_FAILED;
    if (done == sizeof none)
        start = mmap(NULL, end - page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page);
    close(fd);
    if (start == MAP_FAILED) return NULL;
    struct slot *made = (struct slot *)(start + (end - page)) - 1;
    made->process = getpid();
    return made;
}

static void slot_add(struct slot *slot, uint64_t lines) {
    struct timespec now;
    if (!slot || !lines) return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    slot->last_ns = (uint64_t)now.tv_sec * 1000000000u + now.tv_nsec;
    if (!slot->lines) slot->first_ns = slot->last_ns;
    slot->lines += lines;
}
