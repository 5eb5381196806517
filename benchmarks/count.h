/* Lines that a server read, counted where a kill cannot take them away: each process has a slot of a shared file, and
 * the kernel keeps what is in it.
 *
 * A slot is eight unsigned 64-bit numbers in the machine's own order: the process, its lines, the nanoseconds
 * (CLOCK_MONOTONIC) of the first and of the last reading that brought one, the nanoseconds of processor time that the
 * process had spent at these two moments, and two zeros. `lines.py` reads them.
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct slot { uint64_t process, lines, first_ns, last_ns, first_cpu_ns, last_cpu_ns, none[2]; };

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

static uint64_t nanoseconds(clockid_t which) {
    struct timespec now;
    clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * 1000000000u + now.tv_nsec;
}

static void slot_add(struct slot *slot, uint64_t lines) {
    if (!slot || !lines) return;
    slot->last_ns = nanoseconds(CLOCK_MONOTONIC);
    slot->last_cpu_ns = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    if (!slot->lines) slot->first_ns = slot->last_ns, slot->first_cpu_ns = slot->last_cpu_ns;
    slot->lines += lines;
}
